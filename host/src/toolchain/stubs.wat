;; What a language's runtime asks of WASI, answered inside the component, so that nothing of WASI is left to import.
;;
;; It is the adapter for the preview1 functions when a component is made of a module of Go or of C. There are no files, no
;; arguments and no environment; random bytes are the same in every instance; what is written goes to the policy's log, line by
;; line. A clock moves by a microsecond each time it is looked at, since Go's scheduler waits for it to move, and by as much as is
;; waited for, so that to wait takes no time. To exit is a fault, and so is to look at the clock in C. `stubs.wasm` is made of this
;; file by `cargo xtask bless`.
;;
;; An adapter has no memory of its own, nor texts. So an SDK lends it some, before and after each call: see `berth_console`.
(module
  (import "env" "memory" (memory 0))
  (import "berth:allocation/log@1.0.0" "write" (func $log (param $level i32) (param $at i32) (param $size i32)))
  (global $now (mut i64) (i64.const 0))
  (global $seed (mut i64) (i64.const 0x2545F4914F6CDD1D))
  ;; Where 1024 bytes are for an unfinished line of standard output, and behind them as many for standard error; 0 if nowhere.
  (global $room (mut i32) (i32.const 0))
  (global $out_used (mut i32) (i32.const 0))
  (global $err_used (mut i32) (i32.const 0))
  ;; What is logged when the policy exits, and when it looks at the clock, if that is a fault.
  (global $exit_text (mut i32) (i32.const 0))
  (global $exit_size (mut i32) (i32.const 0))
  (global $clock_text (mut i32) (i32.const 0))
  (global $clock_size (mut i32) (i32.const 0))

  ;; Takes memory to work with, and logs lines that have no end yet. It is no function of WASI, but of the SDKs.
  (func (export "berth_console")
    (param $room i32) (param $exit_text i32) (param $exit_size i32) (param $clock_text i32) (param $clock_size i32)
    (call $end_lines)
    (global.set $room (local.get $room))
    (global.set $exit_text (local.get $exit_text))
    (global.set $exit_size (local.get $exit_size))
    (global.set $clock_text (local.get $clock_text))
    (global.set $clock_size (local.get $clock_size)))

  ;; Ends the policy after words of its SDK. It is no function of WASI either.
  (func (export "berth_trap") (unreachable))

  ;; Logs the last words of a policy, and ends it.
  (func $fault (param $text i32) (param $size i32)
    (call $end_lines)
    (if (local.get $size) (then (call $log (i32.const 3) (local.get $text) (local.get $size))))
    (unreachable))

  (func $end_lines
    (call $end_line (i32.const 1))
    (call $end_line (i32.const 2)))
  ;; Logs a stream's line, if there is something in it: standard output as information, standard error as a warning.
  (func $end_line (param $file i32)
    (local $used i32)
    (local.set $used (call $used (local.get $file)))
    (if (i32.eqz (local.get $used)) (then (return)))
    (call $set_used (local.get $file) (i32.const 0))
    (call $make_readable (call $line (local.get $file)) (local.get $used))
    (call $log (local.get $file) (call $line (local.get $file)) (local.get $used)))
  (func $line (param $file i32) (result i32)
    (i32.add (global.get $room) (i32.shl (i32.sub (local.get $file) (i32.const 1)) (i32.const 10))))
  (func $used (param $file i32) (result i32)
    (select (global.get $out_used) (global.get $err_used) (i32.eq (local.get $file) (i32.const 1))))
  (func $set_used (param $file i32) (param $used i32)
    (if (i32.eq (local.get $file) (i32.const 1))
      (then (global.set $out_used (local.get $used)))
      (else (global.set $err_used (local.get $used)))))
  (func $write (param $file i32) (param $byte i32)
    (local $used i32)
    (if (i32.eq (local.get $byte) (i32.const 10)) (then (call $end_line (local.get $file)) (return)))
    (local.set $used (call $used (local.get $file)))
    (i32.store8 (i32.add (call $line (local.get $file)) (local.get $used)) (local.get $byte))
    (call $set_used (local.get $file) (i32.add (local.get $used) (i32.const 1)))
    (if (i32.eq (local.get $used) (i32.const 1023)) (then (call $end_line (local.get $file)))))

  ;; Puts a question mark for each byte that is no part of UTF-8, which no text of the contract may have.
  (func $make_readable (param $at i32) (param $left i32)
    (local $size i32)
    (loop $next
      (if (i32.eqz (local.get $left)) (then (return)))
      (local.set $size (call $letter (local.get $at) (local.get $left)))
      (if (i32.eqz (local.get $size))
        (then (i32.store8 (local.get $at) (i32.const 63)) (local.set $size (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (local.get $size)))
      (local.set $left (i32.sub (local.get $left) (local.get $size)))
      (br $next)))
  ;; Bytes of the letter that begins here, 0 if none does: one that is cut, longer than need be, a surrogate, or out of range.
  (func $letter (param $at i32) (param $left i32) (result i32)
    (local $first i32) (local $size i32) (local $value i32) (local $done i32) (local $byte i32)
    (local.set $first (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $first) (i32.const 0x80)) (then (return (i32.const 1))))
    ;; 0b110xxxxx begins two bytes, 0b1110xxxx three, 0b11110xxx four.
    (local.set $size (i32.clz (i32.xor (i32.shl (local.get $first) (i32.const 24)) (i32.const -1))))
    (if (i32.or (i32.lt_u (local.get $size) (i32.const 2)) (i32.gt_u (local.get $size) (i32.const 4)))
      (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $size) (local.get $left)) (then (return (i32.const 0))))
    (local.set $value (i32.and (local.get $first) (i32.shr_u (i32.const 0x7f) (local.get $size))))
    (local.set $done (i32.const 1))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (local.get $at) (local.get $done))))
      (if (i32.ne (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80)) (then (return (i32.const 0))))
      (local.set $value (i32.or (i32.shl (local.get $value) (i32.const 6)) (i32.and (local.get $byte) (i32.const 0x3f))))
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $done) (local.get $size))))
    (if (i32.lt_u (local.get $value)
          (select (i32.const 0x80)
            (select (i32.const 0x800) (i32.const 0x10000) (i32.eq (local.get $size) (i32.const 3)))
            (i32.eq (local.get $size) (i32.const 2))))
      (then (return (i32.const 0))))
    (if (i32.or (i32.gt_u (local.get $value) (i32.const 0x10ffff))
          (i32.eq (i32.shr_u (local.get $value) (i32.const 11)) (i32.const 27)))
      (then (return (i32.const 0))))
    (local.get $size))

  ;; errno 0 is success, 8 a bad descriptor, 44 no such file, 52 not supported.
  (func $two_zeros (param $first i32) (param $second i32) (result i32)
    (i32.store (local.get $first) (i32.const 0))
    (i32.store (local.get $second) (i32.const 0))
    (i32.const 0))
  (func (export "args_sizes_get") (param i32 i32) (result i32) (call $two_zeros (local.get 0) (local.get 1)))
  (func (export "environ_sizes_get") (param i32 i32) (result i32) (call $two_zeros (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $out i32) (result i32)
    (if (global.get $clock_size) (then (call $fault (global.get $clock_text) (global.get $clock_size))))
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $out) (global.get $now))
    (i32.const 0))
  (func (export "clock_res_get") (param $clock i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 1000))
    (i32.const 0))
  (func (export "random_get") (param $at i32) (param $count i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        ;; A linear congruential generator; its upper bits are the better ones.
        (global.set $seed (i64.add (i64.mul (global.get $seed) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
        (i32.store8 (local.get $at) (i32.wrap_i64 (i64.shr_u (global.get $seed) (i64.const 56))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; All bytes count as written; those of other files than the two streams vanish.
  (func (export "fd_write") (param $file i32) (param $parts i32) (param $count i32) (param $out i32) (result i32)
    (local $sum i32) (local $at i32) (local $end i32) (local $heard i32)
    (local.set $heard
      (i32.and (i32.ne (global.get $room) (i32.const 0))
               (i32.lt_u (i32.sub (local.get $file) (i32.const 1)) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $at (i32.load (local.get $parts)))
        (local.set $end (i32.add (local.get $at) (i32.load offset=4 (local.get $parts))))
        (local.set $sum (i32.add (local.get $sum) (i32.sub (local.get $end) (local.get $at))))
        (block $written
          (br_if $written (i32.eqz (local.get $heard)))
          (loop $byte
            (br_if $written (i32.eq (local.get $at) (local.get $end)))
            (call $write (local.get $file) (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $byte)))
        (local.set $parts (i32.add (local.get $parts) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $out) (local.get $sum))
    (i32.const 0))
  ;; The two streams are terminals, to which C writes line by line.
  (func (export "fd_fdstat_get") (param $file i32) (param $out i32) (result i32)
    (if (i32.gt_u (i32.sub (local.get $file) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (i64.store (local.get $out) (i64.const 2))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i32.const 0))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 0))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 44))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 44))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "sched_yield") (result i32) (i32.const 0))
  ;; Whoever waits for time to pass has waited at once; for anything else, nothing is ever ready.
  (func (export "poll_oneoff") (param $asked i32) (param $answer i32) (param $count i32) (param $out i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $count)) (then (return (i32.const 52))))
      (if (i32.load8_u offset=8 (local.get $asked))
        (then
          (local.set $asked (i32.add (local.get $asked) (i32.const 48)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
    ;; Until a time, or for a while.
    (if (i32.and (i32.load16_u offset=40 (local.get $asked)) (i32.const 1))
      (then
        (if (i64.gt_u (i64.load offset=24 (local.get $asked)) (global.get $now))
          (then (global.set $now (i64.load offset=24 (local.get $asked))))))
      (else (global.set $now (i64.add (global.get $now) (i64.load offset=24 (local.get $asked))))))
    (i64.store (local.get $answer) (i64.load (local.get $asked)))
    (i64.store offset=8 (local.get $answer) (i64.const 0))
    (i32.store (local.get $out) (i32.const 1))
    (i32.const 0))
  (func (export "proc_exit") (param i32) (call $fault (global.get $exit_text) (global.get $exit_size)))
)
