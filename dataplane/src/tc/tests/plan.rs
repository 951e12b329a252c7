use crate::config::{Config, KniConfig, Limits, PortConfig, VlanConfig};
use crate::device::Devices;
use crate::tc::{
    BadHandle, ClsConfig, Edit, Handle, Kind, Match, QschConfig, QschEdit, Range, Tbf, TcChange,
    TcError, TcPlan, TokenRate, Verb, Verdict,
};
use crate::time::Nanos;
use crate::types::{Mac, PortId, VlanId};

const WAN: PortId = PortId(0);

/// The port `wan`, its kernel side, and the VLAN device `wan.7`.
fn devices() -> Devices {
    let port = |name: &str, vlans| PortConfig {
        name: name.into(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        addresses: vec![],
        rx_queues: 1,
        tx_queues: 1,
        vlans,
    };
    let vid = VlanId::try_new(7).unwrap();
    let vlan = VlanConfig { name: "wan.7".into(), vid, mac: None, mtu: None, addresses: vec![] };
    let kni = KniConfig { device: WAN, port: PortId(1), forward: false };
    let master = crate::config::LcoreConfig {
        id: crate::LcoreId(0),
        role: crate::job::Role::Master,
        queues: vec![],
    };
    let ports = vec![port("wan", vec![vlan]), port("wan.kni", vec![])];
    Devices::new(&Config { ports, kni: vec![kni], lcores: vec![master], ..Config::default() })
}

fn h(text: &str) -> Handle {
    text.parse().unwrap()
}

const PFIFO: Kind = Kind::Pfifo { limit: 10 };

fn qsch(handle: Handle, parent: Handle) -> QschConfig {
    QschConfig { dev: WAN, handle, parent, kind: PFIFO }
}

fn root() -> QschConfig {
    qsch(Handle::ROOT, Handle::NONE)
}

fn cls(qsch: Handle, verdict: Verdict) -> ClsConfig {
    let pattern = Match::default();
    ClsConfig { dev: WAN, qsch, handle: Handle::NONE, prio: 0, pattern, verdict }
}

fn add(plan: &mut TcPlan, config: QschConfig) -> Result<Edit, TcError> {
    plan.apply(TcChange::Qsch(Verb::Add, config), &devices())
}

fn add_cls(plan: &mut TcPlan, config: ClsConfig) -> Result<Edit, TcError> {
    plan.apply(TcChange::Cls(Verb::Add, config), &devices())
}

/// root with children 1: and 2:, and 1:1 below 1:.
fn tree() -> TcPlan {
    let mut plan = TcPlan::default();
    add(&mut plan, root()).unwrap();
    add(&mut plan, qsch(h("1:"), Handle::ROOT)).unwrap();
    add(&mut plan, qsch(h("2:"), Handle::ROOT)).unwrap();
    add(&mut plan, qsch(h("1:1"), h("1:"))).unwrap();
    plan
}

fn names(plan: &TcPlan) -> String {
    let names = plan.qschs().iter().map(|q| q.config.handle.to_string());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_handle_prints_as_it_is_read() {
    for text in ["root", "ingress", "1:", "1:10", "8001:", "ffff:1", ":1"] {
        let handle: Handle = text.parse().unwrap_or(Handle::NONE);
        let printed = handle.to_string();
        assert!(printed == text || text == ":1", "{text} {printed}");
    }
    for text in ["", ":", "1", "0:", "0:0", "x:", "1:x", "10000:", "ffff:ffff", "ffff:fff1", "+1:"]
    {
        assert_eq!(text.parse::<Handle>(), Err(BadHandle), "{text}");
    }
}

#[test]
fn a_top_has_no_parent_and_all_others_have_one_that_is_there() {
    let mut plan = tree();
    let mut refused = |config| add(&mut plan, config).unwrap_err();
    assert_eq!(refused(root()), TcError::QschExists(Handle::ROOT));
    assert_eq!(refused(qsch(Handle::INGRESS, Handle::ROOT)), TcError::TopWithParent);
    assert_eq!(refused(qsch(h("3:"), Handle::NONE)), TcError::NeedsParent);
    assert_eq!(refused(qsch(Handle::NONE, Handle::NONE)), TcError::NeedsParent);
    assert_eq!(refused(qsch(h("3:"), h("9:"))), TcError::NoQsch(h("9:")));
    assert_eq!(refused(qsch(h("1:1"), Handle::ROOT)), TcError::QschExists(h("1:1")));
    let elsewhere = QschConfig { dev: PortId(2), ..qsch(h("1:"), Handle::ROOT) };
    assert_eq!(refused(elsewhere), TcError::NoQsch(Handle::ROOT));
    assert_eq!(refused(QschConfig { dev: PortId(9), ..root() }), TcError::NoDevice);
    assert_eq!(refused(QschConfig { dev: PortId(1), ..root() }), TcError::KernelSide);
    assert_eq!(plan, tree(), "what is refused changes nothing");
}

// Defect B62.
#[test]
fn a_qsch_that_goes_takes_all_below_it_and_their_classifiers_along() {
    let mut plan = tree();
    add_cls(&mut plan, cls(Handle::ROOT, Verdict::To(h("1:")))).unwrap();
    add_cls(&mut plan, cls(h("1:"), Verdict::To(h("1:1")))).unwrap();
    plan.apply(TcChange::DeleteQsch { dev: WAN, handle: h("1:") }, &devices()).unwrap();
    assert_eq!(names(&plan), "root 2:");
    assert_eq!(plan.classes().len(), 1, "that of root stays, and is passed over");
    let again = plan.apply(TcChange::DeleteQsch { dev: WAN, handle: h("1:") }, &devices());
    assert_eq!(again, Err(TcError::NoQsch(h("1:"))));
    plan.apply(TcChange::DeleteQsch { dev: WAN, handle: Handle::ROOT }, &devices()).unwrap();
    assert_eq!((names(&plan).as_str(), plan.classes().len()), ("", 0));
}

#[test]
fn what_has_no_name_gets_one_from_8001_on_and_the_cursor_wraps() {
    let mut plan = TcPlan::default();
    add(&mut plan, root()).unwrap();
    add(&mut plan, qsch(h("8002:"), Handle::ROOT)).unwrap();
    for _ in 0..3 {
        add(&mut plan, qsch(Handle::NONE, Handle::ROOT)).unwrap();
    }
    assert_eq!(names(&plan), "root 8002: 8001: 8003: 8004:");
    let last = h("fffe:");
    assert_eq!(last.next_auto(), h("8000:"));
}

#[test]
fn a_change_keeps_kind_and_parent_and_a_replacement_may_be_the_first() {
    let mut plan = tree();
    let mut put = |verb, config| plan.apply(TcChange::Qsch(verb, config), &devices());
    let wider = QschConfig { kind: Kind::Pfifo { limit: 20 }, ..qsch(h("1:"), Handle::ROOT) };
    assert!(put(Verb::Change, wider).is_ok());
    let other = QschConfig { kind: Kind::Bfifo { limit: 20 }, ..wider };
    assert_eq!(put(Verb::Change, other), Err(TcError::OtherKind(h("1:"))));
    let moved = QschConfig { parent: h("2:"), ..wider };
    assert_eq!(put(Verb::Replace, moved), Err(TcError::OtherParent(h("1:"))));
    let new = qsch(h("3:"), Handle::ROOT);
    assert_eq!(put(Verb::Change, new), Err(TcError::NoQsch(h("3:"))));
    assert!(put(Verb::Replace, new).is_ok());
    assert_eq!(names(&plan), "root 1: 2: 1:1 3:");
    assert_eq!(plan.qsch(WAN, h("1:")).unwrap().config, wider);
}

#[test]
fn each_change_of_a_tbf_has_a_bucket_of_its_own() {
    let mut plan = TcPlan::default();
    let rate = TokenRate { bits: 8000, burst: 2000 };
    let kind = Kind::Tbf(Tbf { rate, peak: None, limit: 9000 });
    let config = QschConfig { kind, ..root() };
    let mut made = |verb| match plan.apply(TcChange::Qsch(verb, config), &devices()) {
        Ok(Edit::Qsch(QschEdit::Put(planned))) => planned.made,
        other => panic!("{other:?}"),
    };
    assert_ne!(made(Verb::Add), made(Verb::Change));
}

#[test]
fn numbers_out_of_range_are_named() {
    let refused = |kind| add(&mut TcPlan::default(), QschConfig { kind, ..root() }).err();
    let rate = TokenRate { bits: 8000, burst: 2000 };
    let tbf = Tbf { rate, peak: None, limit: 9000 };
    let rated = |bits, burst| Kind::Tbf(Tbf { rate: TokenRate { bits, burst }, ..tbf });
    let peaked = |bits, burst| Kind::Tbf(Tbf { peak: Some(TokenRate { bits, burst }), ..tbf });
    let most = u64::from(u32::MAX);
    for (kind, expected) in [
        (Kind::Pfifo { limit: 0 }, Some(TcError::Limit)),
        (Kind::Pfifo { limit: 1 }, None),
        (Kind::PfifoFast { limit: 0 }, Some(TcError::Limit)),
        (Kind::Bfifo { limit: 0 }, Some(TcError::Limit)),
        (Kind::Bfifo { limit: most }, None),
        (Kind::Bfifo { limit: most + 1 }, Some(TcError::Limit)),
        (Kind::Tbf(Tbf { limit: 0, ..tbf }), Some(TcError::Limit)),
        (rated(7, 2000), Some(TcError::Rate)),
        (rated(8, 2000), None),
        (rated(10_000_000_000_001, 2000), Some(TcError::Rate)),
        (rated(8000, 0), Some(TcError::Burst)),
        (peaked(7999, 1500), Some(TcError::PeakRate)),
        (peaked(8000, 1500), None),
        (peaked(8000, 1499), Some(TcError::MinBurst)),
    ] {
        assert_eq!(refused(kind), expected, "{kind:?}");
    }
}

#[test]
fn a_device_has_so_many_qschs_and_a_qsch_so_many_classifiers_and_not_one_more() {
    let mut plan = TcPlan::default();
    add(&mut plan, root()).unwrap();
    for _ in 1..Limits::QSCHS {
        add(&mut plan, qsch(Handle::NONE, Handle::ROOT)).unwrap();
    }
    let more = add(&mut plan, qsch(Handle::NONE, Handle::ROOT));
    assert_eq!(more, Err(TcError::ManyQschs));
    for _ in 0..Limits::CLASSES {
        add_cls(&mut plan, cls(Handle::ROOT, Verdict::Drop)).unwrap();
    }
    let more = add_cls(&mut plan, cls(Handle::ROOT, Verdict::Drop));
    assert_eq!(more, Err(TcError::ManyClasses));
}

#[test]
fn a_classifier_sends_to_children_of_its_qsch_only() {
    let mut plan = tree();
    let mut refused = |config| add_cls(&mut plan, config).unwrap_err();
    let to = |handle| Verdict::To(h(handle));
    assert_eq!(refused(cls(Handle::ROOT, to("1:1"))), TcError::NoChild(h("1:1")));
    assert_eq!(refused(cls(h("1:"), to("1:"))), TcError::NoChild(h("1:")));
    assert_eq!(refused(cls(h("9:"), to("1:"))), TcError::NoQsch(h("9:")));
    let pattern = |pattern| ClsConfig { pattern, ..cls(Handle::ROOT, Verdict::Drop) };
    let any = Match::default();
    // DPVS: the condition would be ignored.
    let unknown = Match { oif: Some(PortId(9)), ..any };
    assert_eq!(refused(pattern(unknown)), TcError::NoDevice);
    assert_eq!(refused(pattern(Match { iif: Some(WAN), ..any })), TcError::WrongWay);
    let empty = Match { sport: Some(Range(2, 1)), ..any };
    assert_eq!(refused(pattern(empty)), TcError::EmptyRange);
    let named = ClsConfig { handle: h("1:"), ..cls(Handle::ROOT, to("1:")) };
    add_cls(&mut plan, named).unwrap();
    assert_eq!(add_cls(&mut plan, named), Err(TcError::ClsExists(h("1:"))));
    let gone = |handle| TcChange::DeleteCls { dev: WAN, qsch: Handle::ROOT, handle };
    assert_eq!(plan.apply(gone(h("2:")), &devices()), Err(TcError::NoCls(h("2:"))));
    assert!(plan.apply(gone(h("1:")), &devices()).is_ok());
    assert_eq!(plan, tree());
}

// Defect B65.
#[test]
fn a_latency_is_a_limit_as_linux_computes_it() {
    // captures: 1 Mbit/s, 5k, 50 ms give 11370 bytes.
    let rate = TokenRate { bits: 1_000_000, burst: 5120 };
    let latency = Nanos::from_millis(50);
    assert_eq!(Tbf::limit_of(rate, None, latency), 11_370);
    let peak = TokenRate { bits: 1_000_000, burst: 1540 };
    assert_eq!(Tbf::limit_of(rate, Some(peak), latency), 6_250 + 1_540);
}
