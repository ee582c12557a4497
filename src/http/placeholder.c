#include "base/rc.h"

typedef int http_placeholder;
