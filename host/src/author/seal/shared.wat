;; What the functions of a seal share. Memory:
;;     0  a line's length for each stream, at 36 and 40
;;    64  zeros
;;   128  err(closed) before 4 bytes of ok; at 160 before 8 bytes
;;   192  ok(4096): how much may be written at once
;;   256  the answer that is being made
;;   320  what is said at an exit
;;  1024  the line of standard output; at 5120 that of standard error
;; 16384  bytes of a list that is being answered, 64 KiB
;; 131072 lists of the caller, forgotten at the end of each call
(import "berth:allocation/log@1.0.0" "write" (func $log (param i32 i32 i32)))
(memory (export "memory") 3)
(data (i32.const 128) "\01\00\00\00\01")
(data (i32.const 160) "\01\00\00\00\00\00\00\00\01")
(data (i32.const 200) "\00\10")
(data (i32.const 320) "the policy called exit, which ends it without a decision")
(global $heap (mut i32) (i32.const 131072))
(global $clock (mut i64) (i64.const 0))
(global $chance (mut i64) (i64.const 0x9E3779B97F4A7C15))

(func $forget (global.set $heap (i32.const 131072)))

(func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at
    (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
             (i32.sub (i32.const 0) (local.get $align))))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (block $enough
    (loop $more
      (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
      (unreachable)))
  (memory.copy (local.get $at) (local.get $old) (local.get $had))
  (local.get $at))

;; A microsecond later each time it is asked, so that who waits for time to pass does not wait for ever.
(func $now (result i64)
  (global.set $clock (i64.add (global.get $clock) (i64.const 1000)))
  (global.get $clock))

;; The same numbers for every request: xorshift.
(func $random (result i64)
  (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 13))))
  (global.set $chance (i64.xor (global.get $chance) (i64.shr_u (global.get $chance) (i64.const 7))))
  (global.set $chance (i64.xor (global.get $chance) (i64.shl (global.get $chance) (i64.const 17))))
  (global.get $chance))

;; The answer that is a list at 16384.
(func $list (param $length i32) (result i32)
  (i32.store (i32.const 256) (i32.const 16384))
  (i32.store (i32.const 260) (local.get $length))
  (i32.const 256))

(func $random-bytes (param $length i64) (result i32)
  (local $done i32)
  (if (i64.gt_u (local.get $length) (i64.const 65528)) (then (unreachable)))
  (loop $more
    (i64.store (i32.add (i32.const 16384) (local.get $done)) (call $random))
    (local.set $done (i32.add (local.get $done) (i32.const 8)))
    (br_if $more (i64.lt_u (i64.extend_i32_u (local.get $done)) (local.get $length))))
  (call $list (i32.wrap_i64 (local.get $length))))

;; Of so many pollables, that all are ready.
(func $all (param $count i32) (result i32)
  (local $done i32)
  (if (i32.gt_u (local.get $count) (i32.const 16384)) (then (unreachable)))
  (block $enough
    (loop $more
      (br_if $enough (i32.eq (local.get $done) (local.get $count)))
      (i32.store (i32.add (i32.const 16384) (i32.shl (local.get $done) (i32.const 2))) (local.get $done))
      (local.set $done (i32.add (local.get $done) (i32.const 1)))
      (br $more)))
  (call $list (local.get $count)))

(func $exit
  (call $line (i32.const 1))
  (call $line (i32.const 2))
  (call $log (i32.const 3) (i32.const 320) (i32.const 56)))

;; Where a stream's line is, and where its length.
(func $buffer (param $stream i32) (result i32)
  (select (i32.const 1024) (i32.const 5120) (i32.eq (local.get $stream) (i32.const 1))))
(func $length (param $stream i32) (result i32)
  (i32.add (i32.const 32) (i32.shl (local.get $stream) (i32.const 2))))

;; Adds bytes to a stream's line, and logs it at each end of a line.
(func $write (param $stream i32) (param $from i32) (param $count i32)
  (local $byte i32) (local $used i32)
  (block $done
    (loop $more
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $byte (i32.load8_u (local.get $from)))
      (if (i32.eq (local.get $byte) (i32.const 10))
        (then (call $line (local.get $stream)))
        (else
          (local.set $used (i32.load (call $length (local.get $stream))))
          (i32.store8 (i32.add (call $buffer (local.get $stream)) (local.get $used)) (local.get $byte))
          (local.set $used (i32.add (local.get $used) (i32.const 1)))
          (i32.store (call $length (local.get $stream)) (local.get $used))
          (if (i32.eq (local.get $used) (i32.const 4096)) (then (call $line (local.get $stream))))))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $more))))

;; Logs what a stream's line has so far: standard output as information, standard error as a warning.
(func $line (param $stream i32)
  (local $used i32)
  (local.set $used (i32.load (call $length (local.get $stream))))
  (if (i32.eqz (local.get $used)) (then (return)))
  (i32.store (call $length (local.get $stream)) (i32.const 0))
  (call $readable (call $buffer (local.get $stream)) (local.get $used))
  (call $log
    (select (i32.const 1) (i32.const 2) (i32.eq (local.get $stream) (i32.const 1)))
    (call $buffer (local.get $stream))
    (local.get $used)))

;; Puts a question mark for each byte that is no part of UTF-8.
(func $readable (param $at i32) (param $left i32)
  (local $size i32)
  (block $done
    (loop $more
      (br_if $done (i32.eqz (local.get $left)))
      (local.set $size (call $letter (local.get $at) (local.get $left)))
      (if (i32.eqz (local.get $size))
        (then
          (i32.store8 (local.get $at) (i32.const 63))
          (local.set $size (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (local.get $size)))
      (local.set $left (i32.sub (local.get $left) (local.get $size)))
      (br $more))))

;; Bytes of the letter that begins here, 0 if none does.
(func $letter (param $at i32) (param $left i32) (result i32)
  (local $first i32) (local $second i32)
  (local.set $first (i32.load8_u (local.get $at)))
  (local.set $second (i32.load8_u (i32.add (local.get $at) (i32.const 1))))
  (if (i32.lt_u (local.get $first) (i32.const 0x80)) (then (return (i32.const 1))))
  (if (i32.lt_u (local.get $first) (i32.const 0xc2)) (then (return (i32.const 0))))
  (if (i32.or (i32.lt_u (local.get $left) (i32.const 2)) (i32.eqz (call $goes-on (local.get $at) (i32.const 1))))
    (then (return (i32.const 0))))
  (if (i32.lt_u (local.get $first) (i32.const 0xe0)) (then (return (i32.const 2))))
  (if (i32.or (i32.lt_u (local.get $left) (i32.const 3)) (i32.eqz (call $goes-on (local.get $at) (i32.const 2))))
    (then (return (i32.const 0))))
  ;; Neither longer than need be nor a surrogate.
  (if (i32.and (i32.eq (local.get $first) (i32.const 0xe0)) (i32.lt_u (local.get $second) (i32.const 0xa0)))
    (then (return (i32.const 0))))
  (if (i32.and (i32.eq (local.get $first) (i32.const 0xed)) (i32.gt_u (local.get $second) (i32.const 0x9f)))
    (then (return (i32.const 0))))
  (if (i32.lt_u (local.get $first) (i32.const 0xf0)) (then (return (i32.const 3))))
  (if (i32.or (i32.lt_u (local.get $left) (i32.const 4)) (i32.eqz (call $goes-on (local.get $at) (i32.const 3))))
    (then (return (i32.const 0))))
  (if (i32.and (i32.eq (local.get $first) (i32.const 0xf0)) (i32.lt_u (local.get $second) (i32.const 0x90)))
    (then (return (i32.const 0))))
  (if (i32.and (i32.eq (local.get $first) (i32.const 0xf4)) (i32.gt_u (local.get $second) (i32.const 0x8f)))
    (then (return (i32.const 0))))
  (if (i32.gt_u (local.get $first) (i32.const 0xf4)) (then (return (i32.const 0))))
  (i32.const 4))

(func $goes-on (param $at i32) (param $offset i32) (result i32)
  (i32.eq
    (i32.and (i32.load8_u (i32.add (local.get $at) (local.get $offset))) (i32.const 0xc0))
    (i32.const 0x80)))
