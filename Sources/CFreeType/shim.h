#pragma once
#include <ft2build.h>
#include FT_FREETYPE_H

/// FT_LOAD_COLOR, a macro that Swift does not see.
static inline FT_Int32 freetype_load_color(void) { return FT_LOAD_COLOR; }
