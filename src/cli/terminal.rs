//! The person's terminal: `/dev/tty`, whatever stdin and stdout are. It promises that echo comes
//! back whichever way the asking ends (an answer, an error, a panic, Ctrl-Z, SIGINT, SIGTERM,
//! SIGHUP, SIGQUIT), and that those signals still do afterwards what they do by default. It never
//! cuts or changes what is typed. SIGKILL cannot be helped; SIGSTOP leaves the terminal to the
//! shell, and echo is off again before the next byte is asked for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush,
    tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

/// The signals that end us while echo is off.
const FATAL: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The value of a special code that no key has (`_POSIX_VDISABLE`).
const NO_KEY: u8 = if cfg!(any(target_os = "android", target_os = "linux")) {
    0
} else {
    0xff
};

/// Who asks. One terminal answers one question at a time.
static TURN: Mutex<()> = Mutex::new(());

/// The terminal whose echo is off, with the way back.
static CONCEALED: Mutex<Option<Concealed>> = Mutex::new(None);

/// Whether a fatal signal may end us at once, for there is nothing to bring back.
static VISIBLE: AtomicBool = AtomicBool::new(true);

/// The controlling terminal, open for reading and writing.
pub(super) struct Terminal {
    tty: File,
}

impl Terminal {
    /// Opens the controlling terminal; fails where there is none.
    pub(super) fn open() -> io::Result<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        Ok(Self { tty })
    }

    /// Shows a text.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        (&self.tty).write_all(text.as_bytes())
    }

    /// Waits for one byte; `None` is the end of input.
    pub(super) fn byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match (&self.tty).read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops what was typed before it was asked for. In the background this stops us until the
    /// shell gives us the terminal, so that its own line editor is not disturbed.
    pub(super) fn discard(&self) -> io::Result<()> {
        Ok(tcflush(&self.tty, QueueSelector::IFlush)?)
    }

    /// Turns echo off until the returned guard is dropped.
    pub(super) fn conceal(&self) -> io::Result<Concealment<'_>> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        keep_defaults()?;
        reveal_before_abort();
        let mut concealment = Concealment {
            terminal: self,
            watch: None,
            _turn: turn,
        };
        concealment.begin()?;
        Ok(concealment)
    }
}

/// Echo is off for as long as this lives.
pub(super) struct Concealment<'a> {
    terminal: &'a Terminal,
    watch: Option<Watch>,
    _turn: MutexGuard<'static, ()>,
}

impl Concealment<'_> {
    /// Stops the job as Ctrl-Z does, with echo on, and hides again when it is continued.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.end();
        self.terminal.say("\n")?;
        // The whole group, for the key stops the whole job; and a real SIGTSTP, for the kernel
        // drops it where no shell could ever continue us, which it does not do with SIGSTOP.
        kill_current_process_group(Signal::TSTP)?;
        self.begin()
    }

    fn begin(&mut self) -> io::Result<()> {
        // First, because it waits for the foreground: in the background the modes that would be
        // remembered are those of the shell's line editor. Nobody watches yet: a second thread
        // could be stopped again, for good, on its way to obeying a signal.
        self.terminal.discard()?;
        let shown = tcgetattr(&self.terminal.tty)?;
        let hidden = hidden(&shown);
        let tty = self.terminal.tty.try_clone()?;
        self.watch = Some(Watch::start()?);
        let mut concealed = concealed();
        VISIBLE.store(false, Ordering::SeqCst);
        concealed.insert(Concealed { tty, shown, hidden }).hide()
    }

    fn end(&mut self) {
        if let Some(concealed) = concealed().take() {
            concealed.show();
        }
        VISIBLE.store(true, Ordering::SeqCst);
        if let Some(watch) = self.watch.take() {
            watch.stop();
        }
    }
}

impl Drop for Concealment<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A thread that obeys signals while echo is off.
struct Watch {
    handle: Handle,
    thread: JoinHandle<Signals>,
}

impl Watch {
    fn start() -> io::Result<Self> {
        let mut signals = Signals::new(FATAL.iter().chain(&[SIGCONT]))?;
        let handle = signals.handle();
        let thread = thread::Builder::new().spawn(move || {
            signals.forever().for_each(obey);
            signals
        })?;
        Ok(Self { handle, thread })
    }

    fn stop(self) {
        self.handle.close();
        if let Ok(mut signals) = self.thread.join() {
            // One that came too late for the thread and too early for the default.
            signals.pending().for_each(obey);
        }
    }
}

struct Concealed {
    tty: File,
    shown: Termios,
    hidden: Termios,
}

impl Concealed {
    fn hide(&self) -> io::Result<()> {
        Ok(tcsetattr(&self.tty, OptionalActions::Now, &self.hidden)?)
    }

    fn show(&self) {
        // What is left of a pasted text must not reach the shell, which would run and remember
        // it. TCSAFLUSH would do both, but waits for the output, which may be stopped. A failure
        // is a terminal that is gone.
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.shown);
    }
}

/// Reads byte by byte, for canonical mode cuts a line at 4096 bytes; passes every byte but those
/// of the keys that interrupt and quit, for the kernel sends their signals to the whole job.
fn hidden(shown: &Termios) -> Termios {
    let mut modes = shown.clone();
    modes.local_modes -=
        LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::IEXTEN;
    modes.local_modes |= LocalModes::ISIG;
    modes.input_modes -= InputModes::IGNCR
        | InputModes::INLCR
        | InputModes::ISTRIP
        | InputModes::IXON
        | InputModes::PARMRK;
    modes.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes
}

fn concealed() -> MutexGuard<'static, Option<Concealed>> {
    CONCEALED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs, once and for good, handlers that do the default while nothing is hidden.
///
/// A handler cannot be taken away again: signal-hook leaves an empty one behind, and the signal
/// would be ignored for the rest of our life. The cost: a fatal signal that our parent ignored
/// (`nohup`) is no longer ignored once we have asked.
fn keep_defaults() -> io::Result<()> {
    static KEPT: Mutex<bool> = Mutex::new(false);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if !*kept {
        for signal in FATAL {
            register_conditional_default(signal, &VISIBLE)?;
        }
        *kept = true;
    }
    Ok(())
}

/// Runs something that a person may interrupt in ways of its own, an editor for example, and that must
/// not be left alone: the signals that would end us do nothing until it is over.
pub(super) fn outliving_signals<T>(run: impl FnOnce() -> T) -> io::Result<T> {
    keep_defaults()?;
    VISIBLE.store(false, Ordering::SeqCst);
    let outcome = run();
    VISIBLE.store(true, Ordering::SeqCst);
    Ok(outcome)
}

/// Brings echo back before a panic that does not unwind; otherwise the guard's drop does.
fn reveal_before_abort() {
    static HOOKED: Once = Once::new();
    if cfg!(panic = "abort") {
        HOOKED.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |information| {
                // Not `lock`: the panic may come from where it is held.
                if let Ok(concealed) = CONCEALED.try_lock()
                    && let Some(concealed) = concealed.as_ref()
                {
                    concealed.show();
                }
                previous(information);
            }));
        });
    }
}

fn obey(signal: i32) {
    let concealed = concealed();
    if signal == SIGCONT {
        if let Some(concealed) = concealed.as_ref() {
            // A terminal that cannot be hidden cannot be read either: the reader reports it.
            let _ = concealed.hide();
        }
        return;
    }
    if let Some(concealed) = concealed.as_ref() {
        concealed.show();
        let _ = (&concealed.tty).write_all(b"\n");
    }
    // With the lock still held, so that nothing is hidden again. Does not return: the signal is
    // known, and its default is to end us.
    let _ = emulate_default_handler(signal);
}
