use super::super::progress::Silent;
use super::*;

fn shell(script: &str, limit: Duration) -> Invocation {
    Invocation {
        program: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        folder: std::env::temp_dir(),
        environment: Environment::default(),
        limit,
    }
}

const AMPLE: Duration = Duration::from_secs(30);

#[test]
fn output_is_collected_and_nothing_can_be_asked() {
    let output = shell("echo one; read answer || echo end of input", AMPLE).capture(&Silent);
    assert_eq!(output.unwrap(), "one\nend of input\n");
}

#[test]
fn a_failure_quotes_standard_error() {
    let error = shell("echo broken >&2; exit 3", AMPLE).capture(&Silent).unwrap_err();
    let ProcessError::Failed { output, status, .. } = &error else { panic!("{error}") };
    assert_eq!((output.as_str(), status.code()), ("broken", Some(3)));
    assert!(error.to_string().ends_with("failed (exit status: 3):\nbroken"), "{error}");
}

#[test]
fn a_long_failure_is_quoted_from_its_first_line_to_its_last() {
    let quoted = |lines: u32| {
        let error = shell(&format!("seq {lines} >&2; exit 1"), AMPLE).capture(&Silent).unwrap_err();
        let ProcessError::Failed { output, .. } = error else { panic!("{error}") };
        output.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(quoted(32), (1..=32).map(|line| line.to_string()).collect::<Vec<_>>());
    let long = quoted(1000);
    assert_eq!((long.len(), long[0].as_str(), long[19].as_str()), (33, "1", "20"));
    assert_eq!((long[20].as_str(), long[21].as_str(), long[32].as_str()), ("… 968 lines left out …", "989", "1000"));
}

#[test]
fn tools_are_not_made_to_tell_where_in_themselves_they_were() {
    let mut invocation = shell("echo ${RUST_BACKTRACE-unset} ${RUST_LIB_BACKTRACE-unset} $KEPT", AMPLE);
    let environment = Environment::default().with("RUST_BACKTRACE", "full").with("RUST_LIB_BACKTRACE", "1");
    invocation.environment = environment.with("KEPT", "kept");
    assert_eq!(invocation.capture(&Silent).unwrap(), "unset unset kept\n");
}

#[test]
fn a_program_that_does_not_exist_is_missing() {
    let mut invocation = shell("", AMPLE);
    invocation.environment = Environment::default().with("PATH", "");
    invocation.program = "no-such-program".into();
    assert!(
        matches!(invocation.capture(&Silent), Err(ProcessError::Missing { program }) if program == "no-such-program")
    );
}

#[test]
fn a_folder_that_does_not_exist_is_not_a_missing_program() {
    let mut invocation = shell("true", AMPLE);
    invocation.folder = "/no/such/folder".into();
    assert!(matches!(invocation.capture(&Silent), Err(ProcessError::Run { .. })));
}

/// Hears a process id and then waits for the time-out.
#[derive(Default)]
struct Pid(Option<i32>);

impl Watch for Pid {
    fn line(&mut self, _stream: Stream, line: &str) {
        self.0 = line.parse().ok();
    }
}

#[test]
fn at_the_time_out_grandchildren_die_too() {
    let mut grandchild = Pid::default();
    let invocation = shell("sleep 600 & echo $!; wait", Duration::from_millis(300));
    let outcome = invocation.run(&Silent, &mut grandchild);
    assert!(matches!(outcome, Err(ProcessError::TimedOut { .. })), "{outcome:?}");
    let pid = rustix::process::Pid::from_raw(grandchild.0.unwrap()).unwrap();
    // Killed it is, but the system may take a moment. Then it is gone, or a zombie until its heir looks.
    let command_line = || std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let patience = Instant::now() + AMPLE;
    while !command_line().is_empty() {
        assert!(Instant::now() < patience, "the grandchild lives on");
        thread::yield_now();
    }
}

#[test]
fn a_process_left_behind_does_not_hold_up_the_answer() {
    let mut invocation = shell("sleep 5 & echo done", AMPLE);
    invocation.limit = Duration::from_secs(3);
    assert_eq!(invocation.capture(&Silent).unwrap(), "done\n");
}

struct Impatient;

impl Progress for Impatient {
    fn report(&self, _event: Event<'_>) {}

    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn giving_up_stops_the_program() {
    let outcome = shell("sleep 600", AMPLE).capture(&Impatient);
    assert!(matches!(outcome, Err(ProcessError::Cancelled)), "{outcome:?}");
}
