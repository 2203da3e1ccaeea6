#include "CKernels.h"

static _Thread_local int alone = 0;

int msd_is_alone(void) { return alone; }

void msd_set_alone(int value) { alone = value; }
