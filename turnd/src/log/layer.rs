//! What `tracing` hands events to: decides which are written, and writes each once for all who want it in
//! the same form.

use std::{cell::RefCell, sync::Arc};

use arc_swap::ArcSwap;
use tracing::{Event, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    SESSIONS,
    form::Form,
    record::Record,
    samples::{BINDINGS, STRANGERS, Samples},
    writer::Queue,
};
use crate::config::{LogLevel, LogSettings, Verbosity};

/// The layer. Copies share what they do.
#[derive(Clone, Debug)]
pub(super) struct LogLayer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: ArcSwap<State>,
    samples: Samples,
}

/// What can change while the program runs.
#[derive(Debug)]
pub(super) struct State {
    pub(super) levels: Levels,
    pub(super) outputs: Vec<Output>,
}

/// Those who want lines in the same form.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) form: Arc<Form>,
    pub(super) queues: Vec<Queue>,
}

/// Which lines are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// For the program itself: what an operator must see is at INFO.
    program: LevelFilter,
    /// For what clients do.
    sessions: LevelFilter,
    bindings: LevelFilter,
}

impl Levels {
    pub(super) fn new(settings: &LogSettings) -> Self {
        let sessions = match settings.verbosity {
            Verbosity::Quiet => LevelFilter::WARN,
            Verbosity::Verbose => LevelFilter::INFO,
            Verbosity::Extra => LevelFilter::TRACE,
        };
        // `min`: a filter is the less, the less it lets through.
        let at_most = match settings.min_level {
            LogLevel::Debug => LevelFilter::TRACE,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Warning => LevelFilter::WARN,
            LogLevel::Error => LevelFilter::ERROR,
        };
        Self {
            program: LevelFilter::INFO.min(at_most),
            sessions: sessions.min(at_most),
            bindings: if settings.bindings {
                sessions.min(at_most)
            } else {
                LevelFilter::OFF
            },
        }
    }

    fn want(self, metadata: &Metadata<'_>) -> bool {
        let most = match metadata.target() {
            SESSIONS | STRANGERS => self.sessions,
            BINDINGS => self.bindings,
            _ => self.program,
        };
        metadata.level() <= &most
    }
}

impl LogLayer {
    pub(super) fn new(state: State) -> Self {
        Self(Arc::new(Shared {
            state: ArcSwap::from_pointee(state),
            samples: Samples::new(),
        }))
    }

    /// From now on it writes like this.
    pub(super) fn change(&self, state: State) {
        self.0.state.store(Arc::new(state));
        tracing::callsite::rebuild_interest_cache();
    }

    pub(super) fn reopen(&self) {
        let state = self.0.state.load();
        for queue in state.outputs.iter().flat_map(|output| &output.queues) {
            queue.reopen();
        }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    /// Most events are written always or never until the settings change; only samples are asked for each time.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !self.0.state.load().levels.want(metadata) {
            Interest::never()
        } else if Samples::are_of(metadata) {
            Interest::sometimes()
        } else {
            Interest::always()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.state.load().levels.want(metadata) && self.0.samples.have_room(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let levels = self.0.state.load().levels;
        Some(levels.program.max(levels.sessions))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        if !self.0.samples.take(event.metadata()) {
            return;
        }
        let state = self.0.state.load();
        let record = Record::of(event);
        let mut longest = 0;
        LINE.with_borrow_mut(|line| {
            for output in &state.outputs {
                line.clear();
                output.form.write(&record, line);
                longest = longest.max(line.len());
                for queue in &output.queues {
                    queue.push(line);
                }
            }
        });
        self.0.samples.settle(event.metadata(), longest);
    }
}
