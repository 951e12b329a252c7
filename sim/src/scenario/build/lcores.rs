//! Lcores and the queues they own: each queue has one owner, no number is left out, and each worker
//! can send on every port.

use super::super::error::Mistake;
use super::super::file::{LcoreTable, RoleKind};
use super::super::ranges;
use super::super::value::{At, Queues, Span};
use super::{Builder, header};
use crate::plan::PortPlan;
use dataplane::config::{LcoreConfig, Limits, PortQueues};
use dataplane::job::Role;
use dataplane::{LcoreId, PortId, QueueId};

/// One end of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Rx,
    Tx,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::Rx => "rx",
            Direction::Tx => "tx",
        }
    }
}

/// Who owns a queue.
struct Claim {
    port: PortId,
    direction: Direction,
    queue: u16,
    lcore: u8,
    /// It polls the queue for the worker that owns it.
    polls: bool,
    span: Span,
}

/// Whether the lcore is to take the echoes of all workers.
pub(super) fn takes_echoes(lcore: &LcoreTable) -> bool {
    lcore.icmp_redirect.as_ref().is_some_and(|at| at.value)
}

impl Builder<'_> {
    /// The lcores, and with them the number of queues of each port.
    pub(super) fn lcores(&mut self) -> Vec<LcoreConfig> {
        let file = self.file;
        if let (Some(workers), Some(_)) = (&file.workers, file.lcore.first()) {
            let mistake = Mistake::new(&workers.span, "`workers` and [[lcore]] are both there", "");
            self.mistake(
                mistake.help("`workers` stands for a whole set of lcores: keep one of them"),
            );
        }
        if file.lcore.is_empty() {
            let workers = self.ranged(ranges::WORKERS, file.workers.as_ref(), 1);
            return self.uniform(workers);
        }
        self.lcore_set();
        let mut claims = Vec::new();
        let ordinals = file.lcore.iter().scan(0u16, |next, table| {
            let sends = matches!(table.value.role.value, RoleKind::Worker | RoleKind::Kni);
            *next += u16::from(sends);
            Some(next.saturating_sub(1))
        });
        let default_tx = file.lcore.iter().all(|l| l.value.tx.is_none());
        let mut lcores = Vec::new();
        for (table, ordinal) in file.lcore.iter().zip(ordinals) {
            lcores.push(self.lcore(table, default_tx.then_some(ordinal), &mut claims));
        }
        self.count_queues(&claims);
        lcores
    }

    /// A master, and workers with one queue each on every port.
    fn uniform(&mut self, workers: u8) -> Vec<LcoreConfig> {
        let span = self.file.workers.as_ref().map_or(0..0, |w| w.span.clone());
        let mut lcores =
            vec![LcoreConfig { id: LcoreId(0), role: Role::Master, queues: Vec::new() }];
        let mut claims = Vec::new();
        for worker in 1..=workers {
            let queue = u16::from(worker) - 1;
            let mut queues = Vec::new();
            for (index, plan) in (0u16..).zip(&self.port_plans[..self.physical]) {
                let port = PortId(index);
                // A capture has one reader: a second queue would receive it a second time.
                let reads = queue == 0 || !matches!(plan, PortPlan::Pcap { .. });
                let claim = |direction| {
                    let span = span.clone();
                    Claim { port, direction, queue, lcore: worker, polls: false, span }
                };
                if reads {
                    claims.push(claim(Direction::Rx));
                }
                claims.push(claim(Direction::Tx));
                let rx = if reads { vec![QueueId(queue)] } else { Vec::new() };
                queues.push(PortQueues { port, rx, tx: vec![QueueId(queue)] });
            }
            lcores.push(LcoreConfig { id: LcoreId(worker), role: Role::Worker, queues });
        }
        self.count_queues(&claims);
        lcores
    }

    /// What must hold of the lcores together.
    fn lcore_set(&mut self) {
        let tables = &self.file.lcore;
        let with = |role| tables.iter().filter(move |l| l.value.role.value == role);
        let mut masters = with(RoleKind::Master);
        let (first, second) = (masters.next(), masters.next());
        let mut mistakes = Vec::new();
        if first.is_none() {
            let mistake = Mistake::new(header(&tables[0]), "no lcore is the master", "");
            mistakes.push(
                mistake.help("add [[lcore]] id = 0, role = \"master\": it runs the control plane"),
            );
        }
        if let Some(second) = second {
            let span = &second.value.role.span;
            mistakes.push(Mistake::new(span, "a second master", "expected exactly one"));
        }
        if with(RoleKind::Worker).next().is_none() {
            let mistake = Mistake::new(header(&tables[0]), "no lcore is a worker", "");
            mistakes.push(
                mistake.help("add an [[lcore]] with role = \"worker\": nobody would receive"),
            );
        }
        for (i, table) in tables.iter().enumerate() {
            let id = &table.value.id;
            if tables[..i].iter().any(|other| other.value.id.value == id.value) {
                let message = format!("lcore {} is there twice", id.value);
                mistakes.push(Mistake::new(&id.span, message, "expected another number"));
            }
        }
        self.mistakes.extend(mistakes);
    }

    /// The worker that takes the echoes of all.
    pub(super) fn icmp_redirect_core(&mut self) -> Option<LcoreId> {
        let mut core = None;
        for table in self.file.lcore.iter().filter(|table| takes_echoes(&table.value)) {
            let lcore = &table.value;
            let span = lcore.icmp_redirect.as_ref().map_or(&table.span, |at| &at.span);
            let id = u8::try_from(lcore.id.value).unwrap_or(u8::MAX);
            if lcore.role.value != RoleKind::Worker {
                let message = format!("lcore {id} is no worker, so it cannot take echoes");
                let mistake = Mistake::new(span, message, "expected on one worker");
                self.mistake(mistake.help("nobody would drain the ring, and every ping be lost"));
            } else if let Some(LcoreId(first)) = core {
                let message = format!("lcores {first} and {id} both take the echoes of all");
                self.mistake(Mistake::new(span, message, "expected on one worker"));
            } else {
                core = Some(LcoreId(id));
            }
        }
        core
    }

    fn lcore(
        &mut self,
        table: &At<LcoreTable>,
        default_tx: Option<u16>,
        claims: &mut Vec<Claim>,
    ) -> LcoreConfig {
        let lcore = &table.value;
        let id: u8 = self.ranged(ranges::LCORE_ID, Some(&lcore.id), 0);
        let role = match lcore.role.value {
            RoleKind::Master => Role::Master,
            RoleKind::Worker => Role::Worker,
            RoleKind::IsolRx => Role::IsolRx,
            RoleKind::Kni => Role::Kni,
            RoleKind::Idle => Role::Idle,
        };
        let mut queues: Vec<PortQueues> = Vec::new();
        for (direction, list) in [(Direction::Rx, &lcore.rx), (Direction::Tx, &lcore.tx)] {
            let Some(list) = list else { continue };
            match (role, direction) {
                (Role::Worker | Role::Kni, _) | (Role::IsolRx, Direction::Rx) => {
                    self.own((id, role), direction, &list.value, &mut queues, claims);
                }
                (Role::IsolRx, Direction::Tx) => {
                    let message = format!("lcore {id} is {role}, so it transmits nothing");
                    self.mistake(Mistake::new(&list.span, message, "expected rx only"));
                }
                (Role::Master | Role::Idle, _) => {
                    let message = format!("lcore {id} is {role}, so it cannot own queues");
                    self.mistake(Mistake::new(&list.span, message, "expected on workers only"));
                }
            }
        }
        let owns = |l: &Option<At<Queues>>| {
            l.as_ref().is_some_and(|l| l.value.0.iter().any(|(_, numbers)| !numbers.is_empty()))
        };
        let has = (owns(&lcore.rx), owns(&lcore.tx));
        match role {
            Role::Worker if has == (false, false) => {
                let message = format!("lcore {id} is a worker without ports");
                let mistake = Mistake::new(&lcore.role.span, message, "a worker owns queues");
                self.mistake(mistake.help("add rx = { PORT = [0] }, or make it role = \"idle\""));
            }
            Role::IsolRx if !has.0 => {
                let message = format!("lcore {id} polls no receive queue");
                let mistake = Mistake::new(&lcore.role.span, message, "");
                self.mistake(mistake.help("add rx = { PORT = [0] }: a queue that a worker owns"));
            }
            Role::Worker | Role::Kni => self.can_send(table, id, default_tx, &mut queues, claims),
            Role::Master | Role::IsolRx | Role::Idle => {}
        }
        LcoreConfig { id: LcoreId(id), role, queues }
    }

    /// Adds the queues that an lcore names to what it owns.
    fn own(
        &mut self,
        (lcore, role): (u8, Role),
        direction: Direction,
        list: &Queues,
        queues: &mut Vec<PortQueues>,
        claims: &mut Vec<Claim>,
    ) {
        for (name, numbers) in &list.0 {
            let Some(port) = self.port(name) else { continue };
            let known = queues.iter().position(|q| q.port == port).unwrap_or(queues.len());
            if known == queues.len() {
                queues.push(PortQueues { port, rx: Vec::new(), tx: Vec::new() });
            }
            for number in numbers {
                let queue = match u16::try_from(number.value) {
                    Ok(queue) if number.value < Limits::QUEUES => queue,
                    _ => {
                        let message = format!("{} queue {}", direction.name(), number.value);
                        let expected = format!("expected 0 to {}", Limits::QUEUES - 1);
                        self.mistake(Mistake::new(&number.span, message, expected));
                        continue;
                    }
                };
                match direction {
                    Direction::Rx => queues[known].rx.push(QueueId(queue)),
                    Direction::Tx => queues[known].tx.push(QueueId(queue)),
                }
                let polls = role == Role::IsolRx;
                let span = number.span.clone();
                self.claim(Claim { port, direction, queue, lcore, polls, span }, claims);
            }
        }
    }

    fn claim(&mut self, claim: Claim, claims: &mut Vec<Claim>) {
        let Claim { port, direction, queue, lcore, polls, .. } = claim;
        let same =
            |c: &&Claim| (c.port, c.direction, c.queue, c.polls) == (port, direction, queue, polls);
        if let Some(first) = claims.iter().find(same) {
            let name = &self.ports[port.index()].name;
            let what = format!("{} queue {queue} of {name}", direction.name());
            let message = match first.lcore == lcore {
                true => format!("lcore {lcore} has {what} twice"),
                false if polls => format!("{what} is polled by lcores {} and {lcore}", first.lcore),
                false => format!("{what} belongs to lcores {} and {lcore}", first.lcore),
            };
            self.mistake(Mistake::new(&claim.span, message, "expected one owner for each queue"));
        } else {
            claims.push(claim);
        }
    }

    /// A worker and the KNI lcore can send on every port.
    fn can_send(
        &mut self,
        table: &At<LcoreTable>,
        id: u8,
        default_tx: Option<u16>,
        queues: &mut Vec<PortQueues>,
        claims: &mut Vec<Claim>,
    ) {
        let lcore = &table.value;
        for index in (0u16..).take(self.physical) {
            let port = PortId(index);
            if queues.iter().any(|q| q.port == port && !q.tx.is_empty()) {
                continue;
            }
            if let Some(queue) = default_tx {
                let span = lcore.id.span.clone();
                let direction = Direction::Tx;
                claims.push(Claim { port, direction, queue, lcore: id, polls: false, span });
                match queues.iter_mut().find(|q| q.port == port) {
                    Some(known) => known.tx.push(QueueId(queue)),
                    None => {
                        queues.push(PortQueues { port, rx: Vec::new(), tx: vec![QueueId(queue)] })
                    }
                }
                continue;
            }
            let span = lcore.tx.as_ref().map_or(&lcore.id.span, |tx| &tx.span);
            let name = self.ports[port.index()].name.clone();
            let message = format!("lcore {id} has no tx queue on port {name}");
            let mistake = Mistake::new(span, message, "expected one on every port");
            self.mistake(mistake.help("what it forwards there would be lost"));
        }
    }

    /// Each port has queues 0 to n−1, no more, no less.
    fn count_queues(&mut self, claims: &[Claim]) {
        for index in 0..self.physical {
            self.ports[index].rx_queues = self.count(index, Direction::Rx, claims);
            self.ports[index].tx_queues = self.count(index, Direction::Tx, claims);
        }
    }

    fn count(&mut self, index: usize, direction: Direction, claims: &[Claim]) -> u16 {
        let table = &self.file.port[index].value;
        let name = table.name.value.clone();
        let (range, given) = match direction {
            Direction::Rx => (ranges::RX_QUEUES, &table.rx_queues),
            Direction::Tx => (ranges::TX_QUEUES, &table.tx_queues),
        };
        let at = |c: &&Claim| c.port.index() == index && c.direction == direction;
        let mine = |c: &&Claim| at(c) && !c.polls;
        let last = claims.iter().filter(mine).max_by_key(|c| c.queue);
        let used = last.map_or(0, |c| c.queue + 1);
        let count = self.ranged(range, given.as_ref(), used);
        let direction = direction.name();
        for queue in 0..count.max(used) {
            let owner = claims.iter().filter(mine).find(|c| c.queue == queue);
            let what = format!("{direction} queue {queue} of port {name}");
            match (owner, given) {
                (Some(owner), Some(_)) if queue >= count => {
                    let message = format!("{what} does not exist");
                    let expected = format!("{direction}_queues = {count}");
                    self.mistake(Mistake::new(&owner.span, message, expected));
                }
                (None, given) => {
                    let next = claims.iter().filter(mine).find(|c| c.queue > queue);
                    let span = given.as_ref().map(|g| &g.span).or(next.map(|c| &c.span));
                    let message = format!("{what} belongs to no lcore");
                    let mistake = Mistake::new(span.unwrap_or(&(0..0)), message, "");
                    self.mistake(
                        mistake.help("queues are numbered from 0 without gaps, each with an owner"),
                    );
                }
                (Some(_), _) => {}
            }
        }
        for polled in claims.iter().filter(|c| at(c) && c.polls) {
            let queue = polled.queue;
            let worker = |id| {
                let lcores = self.file.lcore.iter().map(|l| &l.value);
                lcores.clone().any(|l| l.id.value == id && l.role.value == RoleKind::Worker)
            };
            if !claims.iter().filter(mine).any(|c| c.queue == queue && worker(u64::from(c.lcore))) {
                let message = format!("rx queue {queue} of port {name} belongs to no worker");
                let mistake = Mistake::new(&polled.span, message, "");
                let help = format!("a worker owns what lcore {} polls for it", polled.lcore);
                self.mistake(mistake.help(help));
            }
        }
        if direction == "rx"
            && let PortPlan::Pcap { .. } = self.port_plans[index]
            && let Some(second) = claims.iter().filter(mine).find(|c| c.queue > 0)
        {
            let message = format!("port {name} reads one capture, so it has one rx queue");
            self.mistake(Mistake::new(&second.span, message, "expected queue 0 only"));
        }
        count
    }
}
