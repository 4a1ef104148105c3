#include "contender.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Messages before those that are measured. */
#define WARM_UP 100

#define MAX_LENGTH (16 * 1024)
#define PATIENCE_S 60.0
#define SLICE_MS   100

/* The one run of the program. Counters are touched by all threads, with the atomic operations of the compiler. */
typedef struct Run {
    Options   options;
    Contender contender;
    void     *client;
    bool      threaded; /* bench_arrived() and bench_acknowledged() come from another thread */
    size_t    sent;
    size_t    target; /* what the main thread waits for */
    size_t    arrived;
    size_t    acknowledged;
    double    began;
    double    ended;
    double    sent_at;
    double   *times; /* of round trips; NULL when a stream is received */
    Heap      heap_begin;
    Heap      heap_end;
    sem_t     news;
} Run;

static Run  sg_run;
static char sg_payload[MAX_LENGTH];

static size_t _load(const size_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static size_t _add_one(size_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static Heap _heap(void)
{
    Heap none = {0, 0, 0};
    return sg_run.contender.heap != NULL ? sg_run.contender.heap() : none;
}

/* Without printf() and dprintf(), whose buffers would count as memory of the client. */
static void _result(const char *name, double value)
{
    char line[96];
    int  length = snprintf(line, sizeof(line), "%s %.9g\n", name, value);

    if (length < 0 || length >= (int)sizeof(line) || write(STDOUT_FILENO, line, (size_t)length) != length) {
        bench_fail("cannot write: %s", strerror(errno));
    }
}

static void _heap_result(const char *name, size_t value)
{
    if (sg_run.contender.heap != NULL) {
        _result(name, (double)value);
    }
}

/* Kibibytes of a line of /proc/self/status, read without a stream, whose buffer would count as memory of the client. */
static double _status_kib(const char *field)
{
    char        status[4096];
    const char *line;
    int         file   = open("/proc/self/status", O_RDONLY);
    ssize_t     length = file >= 0 ? read(file, status, sizeof(status) - 1) : -1;

    if (length < 0 || close(file) != 0) {
        bench_fail("cannot read /proc/self/status: %s", strerror(errno));
    }
    status[length] = '\0';
    line           = strstr(status, field);
    if (line == NULL) {
        bench_fail("no %s in /proc/self/status", field);
    }
    return strtod(line + strlen(field), NULL);
}

/* Processor time of all threads so far. */
static double _cpu_seconds(void)
{
    struct timespec time;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) {
        bench_fail("no processor time: %s", strerror(errno));
    }
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int _compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void _microseconds(const char *name, const char *what, double seconds)
{
    char label[64];
    int  length = snprintf(label, sizeof(label), "%s_%s_us", name, what);

    if (length < 0 || length >= (int)sizeof(label)) {
        bench_fail("name too long: %s", name);
    }
    _result(label, seconds * 1e6);
}

static void _percentiles(const char *name, double *times, size_t count)
{
    qsort(times, count, sizeof(*times), _compare);
    _microseconds(name, "p50", times[count / 2]);
    _microseconds(name, "p99", times[count * 99 / 100]);
    _microseconds(name, "max", times[count - 1]);
}

static double *_times(size_t count)
{
    double *times = (double *)calloc(count, sizeof(*times));
    if (times == NULL) {
        bench_fail("no memory");
    }
    return times;
}

/* Waits until a counter has reached a value: by serving the client, or for its thread. */
static void _step(void)
{
    struct timespec until;

    if (!sg_run.threaded) {
        sg_run.contender.serve(sg_run.client, SLICE_MS);
        return;
    }
    if (clock_gettime(CLOCK_REALTIME, &until) != 0) {
        bench_fail("no clock: %s", strerror(errno));
    }
    until.tv_sec++;
    if (sem_timedwait(&sg_run.news, &until) != 0 && errno != ETIMEDOUT && errno != EINTR) {
        bench_fail("cannot wait: %s", strerror(errno));
    }
}

static void _wait(const size_t *counter, size_t target, void (*meanwhile)(void))
{
    double limit = bench_now() + PATIENCE_S;
    size_t last  = _load(counter);

    while (last < target) {
        size_t now;

        if (meanwhile != NULL) {
            meanwhile();
        }
        _step();
        now = _load(counter);
        if (now != last) {
            last  = now;
            limit = bench_now() + PATIENCE_S;
        } else if (bench_now() > limit) {
            bench_fail("only %zu of %zu came", last, target);
        }
    }
}

static void _news(void)
{
    if (sg_run.threaded && sem_post(&sg_run.news) != 0) {
        bench_fail("cannot wake the main thread: %s", strerror(errno));
    }
}

static void _connect(const char *id)
{
    sg_run.client = sg_run.contender.connect(&sg_run.options, id);
}

static void _disconnect(void)
{
    sg_run.contender.disconnect(sg_run.client);
    sg_run.client = NULL;
}

static void _start_loop(void)
{
    if (sg_run.options.loop) {
        sg_run.contender.start(sg_run.client);
        sg_run.threaded = true;
    }
}

static bool _publish(int qos)
{
    return sg_run.contender.publish(sg_run.client, qos, sg_payload, sg_run.options.payload);
}

/* task publish: as fast as the server takes them. */

static void _fill_window(void)
{
    while (sg_run.sent < sg_run.target && sg_run.sent - _load(&sg_run.acknowledged) < BENCH_IN_FLIGHT && _publish(1)) {
        sg_run.sent++;
    }
}

void bench_acknowledged(void)
{
    /* Written first: who sees the count may read it. */
    sg_run.ended = bench_now();
    if (_add_one(&sg_run.acknowledged) < sg_run.target && sg_run.contender.publishes_inside) {
        _fill_window();
    } else {
        _news();
    }
}

static void _publish_acknowledged(size_t count)
{
    sg_run.target = sg_run.sent + count;
    _fill_window();
    _wait(&sg_run.acknowledged, sg_run.target, sg_run.contender.publishes_inside ? NULL : _fill_window);
}

static void _publish_all(int qos, size_t count)
{
    if (qos == 1) {
        _publish_acknowledged(count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        _publish(0);
    }
}

/* When a message of QoS 1 behind those of QoS 0 is acknowledged, the server has read them all. */
static void _flush(int qos)
{
    if (qos == 0) {
        _publish_acknowledged(1);
    }
}

static void _task_publish(void)
{
    const int qos = sg_run.options.qos;

    _connect(sg_run.options.id);
    _publish_all(qos, WARM_UP);
    _flush(qos);

    sg_run.heap_begin = _heap();
    sg_run.began      = bench_now();
    _publish_all(qos, sg_run.options.count);
    sg_run.heap_end = _heap();
    _result("call_seconds", bench_now() - sg_run.began);
    _flush(qos);
    _result("messages", (double)sg_run.options.count);
    _result("seconds", sg_run.ended - sg_run.began);
    _heap_result("allocations", sg_run.heap_end.allocations - sg_run.heap_begin.allocations);
    _disconnect();
}

/* task receive: what another program publishes. */

static void _account_in_stream(size_t arrived)
{
    if (arrived == WARM_UP) {
        sg_run.began      = bench_now();
        sg_run.heap_begin = _heap();
    }
    if (arrived == sg_run.target) {
        sg_run.ended    = bench_now();
        sg_run.heap_end = _heap();
    }
}

static void _task_receive(void)
{
    sg_run.target = WARM_UP + sg_run.options.count;
    _connect(sg_run.options.id);
    sg_run.contender.subscribe(sg_run.client);
    _result("ready", 1);

    _wait(&sg_run.arrived, sg_run.target, NULL);
    _result("messages", (double)sg_run.options.count);
    _result("seconds", sg_run.ended - sg_run.began);
    _heap_result("allocations", sg_run.heap_end.allocations - sg_run.heap_begin.allocations);
    _disconnect();
}

/* task latency: to the topic that the client subscribes to itself, one at a time. */

static void _send_timed(void)
{
    sg_run.sent_at = bench_now();
    _publish(0);
}

static void _account_back(size_t arrived)
{
    sg_run.times[arrived - 1] = bench_now() - sg_run.sent_at;
    if (arrived == WARM_UP) {
        sg_run.heap_begin = _heap();
    }
    if (arrived == sg_run.target) {
        sg_run.heap_end = _heap();
    }
}

void bench_arrived(void)
{
    const size_t arrived = _load(&sg_run.arrived) + 1;

    /* Accounted for first: who sees the count may read the rest. */
    if (sg_run.times == NULL) {
        _account_in_stream(arrived);
    } else {
        _account_back(arrived);
    }
    __atomic_store_n(&sg_run.arrived, arrived, __ATOMIC_SEQ_CST);
    if (sg_run.times != NULL && arrived < sg_run.target && sg_run.contender.publishes_inside && !sg_run.threaded) {
        _send_timed();
    } else if (sg_run.times != NULL || arrived == sg_run.target) {
        _news();
    }
}

static void _round_trips(void)
{
    if (sg_run.contender.publishes_inside && !sg_run.threaded) {
        _send_timed();
        _wait(&sg_run.arrived, sg_run.target, NULL);
        return;
    }
    for (size_t i = 0; i < sg_run.target; i++) {
        _send_timed();
        _wait(&sg_run.arrived, i + 1, NULL);
    }
}

static void _task_latency(void)
{
    sg_run.target = WARM_UP + sg_run.options.count;
    sg_run.times  = _times(sg_run.target);
    _connect(sg_run.options.id);
    sg_run.contender.subscribe(sg_run.client);
    _start_loop();
    _round_trips();
    if (sg_run.options.loop) {
        sg_run.contender.stop(sg_run.client);
    }
    _heap_result("allocations", sg_run.heap_end.allocations - sg_run.heap_begin.allocations);
    _heap_result("heap_busy", sg_run.heap_end.live);
    if (sg_run.contender.heap != NULL) {
        /* What large messages took is given back when nothing has come for a second. */
        sg_run.contender.serve(sg_run.client, 1500);
        _heap_result("heap_quiet", _heap().live);
    }
    _percentiles("round_trip", sg_run.times + WARM_UP, sg_run.options.count);
    _disconnect();
    free(sg_run.times);
}

/* task connect: again and again, and what a client costs in memory. */

static void _task_connect(void)
{
    double  base_kib = _status_kib("VmRSS:");
    double *times    = _times(sg_run.options.count);
    double  cpu      = 0;

    for (size_t i = 0; i < sg_run.options.count; i++) {
        double cpu_before = _cpu_seconds();
        double start      = bench_now();

        _connect(sg_run.options.id);
        times[i] = bench_now() - start;
        cpu += _cpu_seconds() - cpu_before;
        if (i == 0) {
            _heap_result("heap_connected", _heap().live);
            _result("rss_connected_kib", _status_kib("VmRSS:"));
        }
        _disconnect();
    }
    _heap_result("heap_peak", _heap().peak);
    _heap_result("heap_left", _heap().live);
    _result("rss_base_kib", base_kib);
    _result("rss_peak_kib", _status_kib("VmHWM:"));
    _result("connect_cpu_us", cpu / (double)sg_run.options.count * 1e6);
    _percentiles("connect", times, sg_run.options.count);
    free(times);
}

/* task idle: connected clients that do nothing for a time. */

static void _idle(double seconds)
{
    double end = bench_now() + seconds;

    _start_loop();
    _result("ready", 1);
    if (sg_run.threaded) {
        /* The main thread takes part in nothing: its only system call is this sleep. */
        sleep((unsigned)seconds);
        return;
    }
    while (bench_now() < end) {
        sg_run.contender.serve(sg_run.client, (unsigned)((end - bench_now()) * 1000) + 1);
    }
}

static void _connect_all(void **all, size_t clients)
{
    const Contender *contender = &sg_run.contender;
    char             id[96];

    for (size_t i = 0; i < clients; i++) {
        /* The first one is the device that the hub knows. */
        int length = i == 0 ? snprintf(id, sizeof(id), "%s", sg_run.options.id)
                            : snprintf(id, sizeof(id), "%s%zu", sg_run.options.id, i);
        if (length < 0 || length >= (int)sizeof(id)) {
            bench_fail("client id too long: %s", sg_run.options.id);
        }
        all[i] = (contender->begin != NULL ? contender->begin : contender->connect)(&sg_run.options, id);
    }
    for (size_t i = 0; contender->begin != NULL && i < clients; i++) {
        contender->wait();
    }
}

static void _task_idle(void)
{
    const size_t clients  = sg_run.options.clients;
    double       base_kib = _status_kib("VmRSS:");
    void       **all      = (void **)calloc(clients, sizeof(*all));

    if (all == NULL) {
        bench_fail("no memory");
    }
    _connect_all(all, clients);
    _result("rss_kib", _status_kib("VmRSS:") - base_kib);
    sg_run.client = all[0];
    if (sg_run.options.seconds > 0) {
        _idle((double)sg_run.options.seconds);
    }
    _heap_result("heap_live", _heap().live);
    if (clients > 1) {
        /* Taking leave takes some libraries seconds for each client. */
        _exit(0);
    }
    sg_run.contender.disconnect(all[0]);
    free(all);
}

/* The command line. */

static void _usage(const char *program)
{
    fprintf(stderr,
            "usage: %s publish|receive|latency|connect|idle [--url URL] [--id ID] [--user NAME] [--password TEXT]\n"
            "       [--ca FILE] [--qos 0|1] [--count N] [--payload BYTES] [--clients N] [--seconds N]\n"
            "       [--mode yield|loop]\n",
            program);
    exit(2);
}

static size_t _number(const char *program, const char *text)
{
    char *end   = NULL;
    long  value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 0) {
        _usage(program);
    }
    return (size_t)value;
}

static void _option(const char *program, Options *options, const char *name, const char *value)
{
    if (strcmp(name, "--url") == 0) {
        options->url = value;
    } else if (strcmp(name, "--ca") == 0) {
        options->ca = value;
    } else if (strcmp(name, "--id") == 0) {
        options->id = value;
    } else if (strcmp(name, "--user") == 0) {
        options->user = value;
    } else if (strcmp(name, "--password") == 0) {
        options->password = value;
    } else if (strcmp(name, "--qos") == 0) {
        options->qos = (int)_number(program, value);
    } else if (strcmp(name, "--count") == 0) {
        options->count = _number(program, value);
    } else if (strcmp(name, "--payload") == 0) {
        options->payload = _number(program, value);
    } else if (strcmp(name, "--clients") == 0) {
        options->clients = _number(program, value);
    } else if (strcmp(name, "--seconds") == 0) {
        options->seconds = _number(program, value);
    } else if (strcmp(name, "--mode") == 0 && (strcmp(value, "yield") == 0 || strcmp(value, "loop") == 0)) {
        options->loop = strcmp(value, "loop") == 0;
    } else {
        _usage(program);
    }
}

static Options _options(int argc, char **argv)
{
    Options options;

    memset(&options, 0, sizeof(options));
    /* Not on the command line, which other programs can see. The other one, the bytes 00 to 0f, is no secret. */
    options.secret  = getenv("BENCH_SECRET");
    options.secret  = options.secret != NULL ? options.secret : "AAECAwQFBgcICQoLDA0ODw==";
    options.id      = "BENCH00001bench";
    options.count   = 1;
    options.payload = 64;
    options.clients = 1;
    if (argc < 2 || argc % 2 != 0) {
        _usage(argv[0]);
    }
    options.task = argv[1];
    for (int i = 2; i < argc; i += 2) {
        _option(argv[0], &options, argv[i], argv[i + 1]);
    }
    if (options.qos > 1 || options.count == 0 || options.clients == 0 || options.payload > MAX_LENGTH) {
        _usage(argv[0]);
    }
    return options;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tasks[] = {
        {"publish", _task_publish}, {"receive", _task_receive}, {"latency", _task_latency},
        {"connect", _task_connect}, {"idle", _task_idle},
    };

    sg_run.options   = _options(argc, argv);
    sg_run.contender = bench_contender(&sg_run.options);
    sg_run.threaded  = sg_run.contender.serve == NULL;
    if (sg_run.options.loop && sg_run.contender.start == NULL) {
        _usage(argv[0]);
    }
    if (sem_init(&sg_run.news, 0, 0) != 0) {
        bench_fail("no semaphore: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
        if (strcmp(tasks[i].name, sg_run.options.task) == 0) {
            tasks[i].run();
            return 0;
        }
    }
    _usage(argv[0]);
    return 2;
}

/* Helpers of contenders. */

Place bench_place(const char *url)
{
    Place       place;
    const char *host;
    const char *colon;

    memset(&place, 0, sizeof(place));
    host            = url != NULL ? strstr(url, "://") : NULL;
    place.websocket = url != NULL && strncmp(url, "ws", 2) == 0;
    host            = host != NULL ? host + 3 : NULL;
    colon           = host != NULL ? strchr(host, ':') : NULL;
    if (colon == NULL || (size_t)(colon - host) >= sizeof(place.host)) {
        bench_fail("no host and port in %s", url != NULL ? url : "(no url)");
    }
    memcpy(place.host, host, (size_t)(colon - host));
    place.port = (int)strtol(colon + 1, NULL, 10);
    return place;
}

double bench_now(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        bench_fail("no monotonic clock: %s", strerror(errno));
    }
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}
