#pragma once
// Numeric kernels with a scalar twin each. See the files beside this folder.
