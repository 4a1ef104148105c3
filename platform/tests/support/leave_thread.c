/* A thread function that leaves by pthread_exit, which only C may do. */
#include <pthread.h>
#include <stddef.h>

void test_before_leaving(void *arg) __attribute__((weak));

void test_leave_thread(void *arg)
{
    if (test_before_leaving) {
        test_before_leaving(arg);
    }
    pthread_exit(NULL);
}
