//! The state machine of a neighbour, as a table that can be printed. Spec 3.2.

/// What we know of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing, and nobody is asking.
    None,
    /// Nothing yet: a request is out.
    Send,
    /// Its MAC.
    Reachable,
    /// A MAC that is old: the next packet asks again.
    Probe,
    /// A MAC that is old: a request is out.
    Delay,
}

/// What happens to a neighbour entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighEvent {
    /// A request was sent.
    Solicited,
    /// It told its MAC.
    Reply,
    /// Its timer ran.
    Timeout,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] =
        [State::None, State::Send, State::Reachable, State::Probe, State::Delay];

    /// The name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            State::None => "none",
            State::Send => "send",
            State::Reachable => "reachable",
            State::Probe => "probe",
            State::Delay => "delay",
        }
    }

    /// The next state, or nothing: the state stays and so does its timer. Spec 3.2.
    pub const fn on(self, event: NeighEvent) -> Option<State> {
        match (self, event) {
            (State::None | State::Send, NeighEvent::Solicited) => Some(State::Send),
            (State::Reachable, NeighEvent::Solicited) => None,
            (State::Probe | State::Delay, NeighEvent::Solicited) => Some(State::Delay),
            (_, NeighEvent::Reply) => Some(State::Reachable),
            (State::Reachable, NeighEvent::Timeout) => Some(State::Probe),
            (_, NeighEvent::Timeout) => Some(State::None),
        }
    }

    /// The machine as a table: a row a state, a column an event.
    pub fn table() -> String {
        let mut table = String::from("state       solicited   reply       timeout\n");
        for state in State::ALL {
            let cell = |event| state.on(event).map_or("(keep)", State::name);
            let row = [
                state.name(),
                cell(NeighEvent::Solicited),
                cell(NeighEvent::Reply),
                cell(NeighEvent::Timeout),
            ];
            let row = row.map(|cell| format!("{cell:<12}")).concat();
            table.push_str(row.trim_end());
            table.push('\n');
        }
        table
    }

    pub(super) const fn waits(self) -> bool {
        matches!(self, State::None | State::Send)
    }
}

impl NeighEvent {
    pub(super) const fn name(self) -> &'static str {
        match self {
            NeighEvent::Solicited => "solicited",
            NeighEvent::Reply => "reply",
            NeighEvent::Timeout => "timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_machine_is_the_one_of_the_spec() {
        insta::assert_snapshot!(State::table(), @r"
        state       solicited   reply       timeout
        none        send        reachable   none
        send        send        reachable   none
        reachable   (keep)      reachable   probe
        probe       delay       reachable   none
        delay       delay       reachable   none
        ");
    }
}
