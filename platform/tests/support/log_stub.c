/* Stands in for the SDK's log in the port's own tests: formats a line and hands it to the test. */
#include <stdarg.h>
#include <stdio.h>

void test_log_line(const char *file, const char *func, int level, const char *text) __attribute__((weak));

void IOT_Log_Gen(const char *file, const char *func, const int line, const int level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (test_log_line) {
        test_log_line(file, func, level, text);
    } else {
        fprintf(stderr, "%d|%s|%s(%d): %s\n", level, file, func, line, text);
    }
}
