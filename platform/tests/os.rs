//! Memory, printing, locks, time and threads: hal.md §§3–6 and 11.

mod support;

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::*;

#[test]
fn memory() {
    // SAFETY: blocks are used within their size and freed once.
    unsafe {
        let block = HAL_Malloc(100).cast::<u8>();
        assert!(!block.is_null());
        block.write_bytes(0xA5, 100);
        HAL_Free(block.cast());
        HAL_Free(HAL_Malloc(0));
        HAL_Free(ptr::null_mut());
    }
}

#[test]
fn snprintf_is_that_of_c99() {
    let mut text = [0x7F as c_char; 8];
    // SAFETY: the buffer has the size given, the arguments fit the format.
    unsafe {
        assert_eq!(HAL_Snprintf(text.as_mut_ptr(), 8, c"%d-%s".as_ptr(), 42 as c_int, c"x".as_ptr()), 4);
        assert_eq!(CStr::from_ptr(text.as_ptr()), c"42-x");
        assert_eq!(HAL_Snprintf(text.as_mut_ptr(), 8, c"%s".as_ptr(), c"0123456789".as_ptr()), 10);
        assert_eq!(CStr::from_ptr(text.as_ptr()), c"0123456");
        assert_eq!(HAL_Snprintf(text.as_mut_ptr(), 0, c"%s".as_ptr(), c"abc".as_ptr()), 3);
        assert_eq!(HAL_Snprintf(text.as_mut_ptr(), -1, c"%s".as_ptr(), c"abc".as_ptr()), -1);
        assert_eq!(CStr::from_ptr(text.as_ptr()), c"0123456", "nothing written");
    }
}

#[cfg(not(feature = "multithread_enabled"))]
#[test]
fn mutex_of_a_build_with_one_thread() {
    // SAFETY: the handle stands for nothing.
    unsafe {
        let mutex = HAL_MutexCreate();
        assert!(!mutex.is_null());
        HAL_MutexLock(mutex);
        assert_eq!(HAL_MutexTryLock(mutex), 0);
        HAL_MutexUnlock(mutex);
        HAL_MutexDestroy(mutex);
    }
}

#[cfg(feature = "multithread_enabled")]
#[test]
fn mutex() {
    // SAFETY: the mutex is live between create and destroy.
    unsafe {
        let mutex = HAL_MutexCreate();
        assert!(!mutex.is_null());
        assert_eq!(HAL_MutexTryLock(mutex), 0);
        assert_ne!(HAL_MutexTryLock(mutex), 0, "not recursive");
        let address = mutex.addr();
        let waiting = thread::spawn(move || {
            let mutex = ptr::with_exposed_provenance_mut(address);
            let ((), took) = timed(|| HAL_MutexLock(mutex));
            HAL_MutexUnlock(mutex);
            took
        });
        thread::sleep(Duration::from_millis(80));
        HAL_MutexUnlock(mutex);
        assert!(waiting.join().unwrap() >= Duration::from_millis(20));
        HAL_MutexLock(mutex);
        HAL_MutexUnlock(mutex);
        HAL_MutexDestroy(mutex);
    }
}

#[test]
fn mutex_functions_ignore_null() {
    // SAFETY: NULL is allowed.
    unsafe {
        HAL_MutexLock(ptr::null_mut());
        assert_eq!(HAL_MutexTryLock(ptr::null_mut()), 0);
        HAL_MutexUnlock(ptr::null_mut());
        HAL_MutexDestroy(ptr::null_mut());
    }
}

#[test]
fn semaphore() {
    // SAFETY: the semaphore is live between create and destroy.
    unsafe {
        let sem = HAL_SemaphoreCreate();
        let (code, took) = timed(|| HAL_SemaphoreWait(sem, 100));
        assert_eq!(code, -1001);
        assert_took(took, 100);
        assert_eq!(HAL_SemaphoreWait(sem, 0), -1001);
        HAL_SemaphorePost(sem);
        HAL_SemaphorePost(sem);
        assert_eq!((HAL_SemaphoreWait(sem, 0), HAL_SemaphoreWait(sem, 5)), (0, 0));
        assert_eq!(HAL_SemaphoreWait(sem, 1), -1001);
        let address = sem.addr();
        let poster = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            HAL_SemaphorePost(ptr::with_exposed_provenance_mut(address));
        });
        assert_eq!(HAL_SemaphoreWait(sem, u32::MAX), 0);
        poster.join().unwrap();
        HAL_SemaphoreDestroy(sem);
        HAL_SemaphoreDestroy(ptr::null_mut());
        HAL_SemaphorePost(ptr::null_mut());
        assert_eq!(HAL_SemaphoreWait(ptr::null_mut(), 10), -1001);
    }
}

#[test]
fn sleep_lasts_its_time() {
    // SAFETY: no precondition.
    let ((), took) = timed(|| unsafe { HAL_SleepMs(70) });
    assert_took(took, 70);
    // SAFETY: no precondition.
    let ((), took) = timed(|| unsafe { HAL_DelayMs(30) });
    assert_took(took, 30);
}

#[test]
fn time_in_milliseconds_is_the_monotonic_clock() {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable.
    let ms = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
        HAL_GetTimeMs()
    };
    let expected = (now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000) as u32;
    assert!(ms.wrapping_sub(expected) < 100);
}

#[test]
fn timers() {
    let mut timer = Timer { tv_sec: 77, tv_usec: 77 };
    // SAFETY: the timer is live.
    unsafe {
        HAL_Timer_init(&mut timer);
        assert!(HAL_Timer_expired(&mut timer));
        assert_eq!(HAL_Timer_remain(&mut timer), 0);

        HAL_Timer_countdown_ms(&mut timer, 150);
        let left = HAL_Timer_remain(&mut timer);
        assert!((1..=150).contains(&left), "{left}");
        assert!(!HAL_Timer_expired(&mut timer));
        let mut copy = timer;
        thread::sleep(Duration::from_millis(151));
        assert!(HAL_Timer_expired(&mut copy));
        assert_eq!(HAL_Timer_remain(&mut copy), 0);

        HAL_Timer_countdown(&mut timer, 100);
        assert!((99_000..=100_000).contains(&HAL_Timer_remain(&mut timer)));
        HAL_Timer_countdown(&mut timer, u32::MAX);
        assert_eq!(HAL_Timer_remain(&mut timer), i32::MAX);
        HAL_Timer_countdown_ms(&mut timer, u32::MAX);
        assert_eq!(HAL_Timer_remain(&mut timer), i32::MAX);
        assert!(!HAL_Timer_expired(&mut timer));

        HAL_Timer_init(ptr::null_mut());
        HAL_Timer_countdown(ptr::null_mut(), 1);
        HAL_Timer_countdown_ms(ptr::null_mut(), 1);
        assert!(HAL_Timer_expired(ptr::null_mut()));
        assert_eq!(HAL_Timer_remain(ptr::null_mut()), 0);
    }
}

/// Defect 25: timers followed the wall clock, so setting it back hung the client. The end of a timer is a time of the
/// monotonic clock, which nobody can set.
#[test]
fn timers_do_not_follow_the_wall_clock() {
    let mut timer = Timer { tv_sec: 0, tv_usec: 0 };
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both are live.
    unsafe {
        HAL_Timer_countdown(&mut timer, 5);
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now);
    }
    assert!((4..=5).contains(&(timer.tv_sec - now.tv_sec)));
}

#[test]
fn current_time() {
    let since_epoch = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    // SAFETY: a buffer of 20 bytes; the result is terminated.
    unsafe {
        assert!((since_epoch() - HAL_Timer_current_sec()).abs() <= 1);
        let mut text = [0x7F as c_char; 20];
        let result = HAL_Timer_current(text.as_mut_ptr());
        assert_eq!(result, text.as_mut_ptr());
        let text = CStr::from_ptr(result).to_str().unwrap();
        let (mut local, now) = (std::mem::zeroed::<libc::tm>(), libc::time(ptr::null_mut()));
        libc::localtime_r(&now, &mut local);
        let day = format!("{:04}-{:02}-{:02} ", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
        assert!(text.starts_with(&day) && text.len() == 19, "{text}");
        assert_eq!(CStr::from_ptr(HAL_Timer_current(ptr::null_mut())), c" ");
    }
}

/// With the privilege the clock is set to the time it has; without it -1 and nothing changes.
#[test]
fn setting_the_clock() {
    let before = SystemTime::now();
    let ms = before.duration_since(UNIX_EPOCH).unwrap().as_millis() as usize;
    // SAFETY: no memory is involved.
    let (by_ms, impossible) =
        unsafe { (HAL_Timer_set_systime_ms(ms), HAL_Timer_set_systime_sec(usize::MAX)) };
    assert!(by_ms == 0 || by_ms == -1);
    assert_eq!(impossible, -1);
    assert!(SystemTime::now().duration_since(before).unwrap_or_default() < Duration::from_secs(2));
}

#[test]
fn byte_order() {
    // SAFETY: no memory is involved.
    unsafe {
        assert_eq!(HAL_htons(0x1234).to_ne_bytes(), [0x12, 0x34]);
        assert_eq!(HAL_ntohs(u16::from_ne_bytes([0x12, 0x34])), 0x1234);
        assert_eq!(HAL_htonl(0x1234_5678).to_ne_bytes(), [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(HAL_ntohl(u32::from_ne_bytes([0x12, 0x34, 0x56, 0x78])), 0x1234_5678);
    }
}

#[cfg(feature = "multithread_enabled")]
mod threads {
    use super::*;
    use std::ffi::c_void;
    use std::sync::mpsc::{self, RecvTimeoutError, Sender};

    #[repr(C)]
    struct ThreadParams {
        name: *const c_char,
        id: u32,
        padding: u32,
        func: Option<unsafe extern "C" fn(*mut c_void)>,
        arg: *mut c_void,
        priority: u16,
        stack_size: u32,
    }

    unsafe extern "C" {
        fn HAL_ThreadCreate(params: *mut ThreadParams) -> c_int;
    }

    struct Report {
        id: u32,
        name: String,
        stack: usize,
    }

    unsafe extern "C" fn report(sender: *mut c_void) {
        // SAFETY: the test hands over a boxed sender; the attribute is initialised before use.
        unsafe {
            let sender = Box::from_raw(sender.cast::<Sender<Report>>());
            let mut name = [0 as c_char; 16];
            libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), 16);
            let mut attr = std::mem::zeroed();
            let mut stack = 0;
            libc::pthread_getattr_np(libc::pthread_self(), &mut attr);
            libc::pthread_attr_getstacksize(&attr, &mut stack);
            libc::pthread_attr_destroy(&mut attr);
            let name = CStr::from_ptr(name.as_ptr()).to_str().unwrap().to_owned();
            sender.send(Report { id: libc::pthread_self() as u32, name, stack }).unwrap();
        }
    }

    /// Defects: parameters read after the call returned; a 64-bit id written into a 32-bit field; name and stack ignored.
    #[test]
    fn thread_gets_a_copy_of_its_parameters() {
        let (sender, reports) = mpsc::channel::<Report>();
        let mut params = ThreadParams {
            name: c"a-name-longer-than-15".as_ptr(),
            id: 0,
            padding: 0x5A5A_5A5A,
            func: Some(report),
            arg: Box::into_raw(Box::new(sender)).cast(),
            priority: 0,
            stack_size: 16 << 20,
        };
        // SAFETY: filled parameters, overwritten as soon as the call is back.
        unsafe {
            assert_eq!(HAL_ThreadCreate(&mut params), 0);
            (params.func, params.arg, params.name) = (None, ptr::null_mut(), ptr::null());
        }
        let got = reports.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!((got.id, got.name.as_str()), (params.id, "a-name-longer-t"));
        assert!(got.stack >= 16 << 20, "{}", got.stack);
        assert_eq!(params.padding, 0x5A5A_5A5A);
    }

    #[test]
    fn thread_with_a_tiny_stack_gets_the_default() {
        let (sender, reports) = mpsc::channel::<Report>();
        let mut params = ThreadParams {
            name: ptr::null(),
            id: 0,
            padding: 0,
            func: Some(report),
            arg: Box::into_raw(Box::new(sender)).cast(),
            priority: 0,
            stack_size: 16,
        };
        // SAFETY: filled parameters.
        assert_eq!(unsafe { HAL_ThreadCreate(&mut params) }, 0);
        assert!(reports.recv_timeout(Duration::from_secs(5)).unwrap().stack >= 1 << 16);
    }

    #[test]
    fn thread_without_a_function_is_refused() {
        let mut params = ThreadParams {
            name: ptr::null(),
            id: 0,
            padding: 0,
            func: None,
            arg: ptr::null_mut(),
            priority: 0,
            stack_size: 0,
        };
        // SAFETY: NULL and an absent function are allowed.
        unsafe {
            assert_eq!(HAL_ThreadCreate(ptr::null_mut()), -1002);
            assert_eq!(HAL_ThreadCreate(&mut params), -1002);
        }
    }

    unsafe extern "C" {
        /// In C: drops the sender through the callback and calls `pthread_exit`.
        fn test_leave_thread(sender: *mut c_void);
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn test_before_leaving(sender: *mut c_void) {
        // SAFETY: the test hands over a boxed sender.
        drop(unsafe { Box::from_raw(sender.cast::<Sender<()>>()) });
    }

    #[test]
    fn thread_function_may_end_its_thread() {
        let (sender, ended) = mpsc::channel::<()>();
        let mut params = ThreadParams {
            name: ptr::null(),
            id: 0,
            padding: 0,
            func: Some(test_leave_thread),
            arg: Box::into_raw(Box::new(sender)).cast(),
            priority: 0,
            stack_size: 0,
        };
        // SAFETY: filled parameters.
        assert_eq!(unsafe { HAL_ThreadCreate(&mut params) }, 0);
        assert_eq!(ended.recv_timeout(Duration::from_secs(5)), Err(RecvTimeoutError::Disconnected));
        // The process is still alive after the thread is gone.
        thread::sleep(Duration::from_millis(50));
    }
}
