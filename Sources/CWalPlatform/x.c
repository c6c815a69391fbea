#include "CWalPlatform.h"
