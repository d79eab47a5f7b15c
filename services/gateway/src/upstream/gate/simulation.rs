//! The gate in front of services that are made up, in made-up time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::line::Line;
use super::{Gate, Pass};

const MILLISECOND: f64 = 1e-3;

/// Does `slots` requests at once, the others in order of arrival.
#[derive(Clone, Copy)]
struct Service {
    slots: usize,
    takes: fn(&mut Rng) -> f64,
}

/// What clients saw.
#[derive(Debug)]
struct Result {
    answered_per_second: f64,
    shed: usize,
    asked: usize,
    p99: f64,
}

/// A request, as far as it is behind the gate.
struct Request<'a> {
    arrived: f64,
    pass: Option<Pass<'a>>,
}

/// The world between two moments.
struct World<'a> {
    service: Service,
    gate: Option<&'a Gate>,
    start: Instant,
    rng: Rng,
    now: f64,
    /// Who waits, since when.
    in_line: Line<f64>,
    /// When each of them gives up, in nanoseconds, the first on top.
    give_up: BinaryHeap<Reverse<(u64, u64)>>,
    at_service: VecDeque<Request<'a>>,
    /// When each one that is worked at ends, in nanoseconds, the first on top.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    working: Vec<Option<Request<'a>>>,
    idle: Vec<usize>,
    took: Vec<f64>,
    shed: usize,
}

impl<'a> World<'a> {
    fn new(service: Service, gate: Option<&'a Gate>, start: Instant) -> Self {
        Self {
            service,
            gate,
            start,
            rng: Rng::with_seed(7),
            now: 0.0,
            in_line: Line::default(),
            give_up: BinaryHeap::new(),
            at_service: VecDeque::new(),
            ends: BinaryHeap::new(),
            working: (0..service.slots).map(|_| None).collect(),
            idle: (0..service.slots).collect(),
            took: Vec::new(),
            shed: 0,
        }
    }

    /// Lets clients who do not care how others fare ask `rate` times a second.
    fn run(&mut self, rate: f64, seconds: f64) -> Result {
        (self.took, self.shed) = (Vec::new(), 0);
        let (until, mut asked) = (self.now + seconds, 0);
        let mut next = self.now;
        while next < until {
            match self.ends.peek() {
                Some(Reverse((end, _))) if nanos(next) > *end => self.end_one(),
                _ => {
                    self.now = next;
                    asked += 1;
                    self.arrive();
                    next -= self.rng.f64().max(1e-12).ln() / rate;
                }
            }
        }
        self.took.sort_by(f64::total_cmp);
        let answered = self.took.len();
        let p99 = self.took.get(answered * 99 / 100).copied().unwrap_or(f64::NAN);
        Result { answered_per_second: count(answered) / seconds, shed: self.shed, asked, p99 }
    }

    /// Lets nothing that is at the service end for so long.
    fn stand_still(&mut self, seconds: f64) {
        let ends = std::mem::take(&mut self.ends);
        let later = nanos(seconds);
        self.ends = ends.into_iter().map(|Reverse((end, slot))| Reverse((end + later, slot))).collect();
        for _ in 0..self.idle.len() {
            let Some(slot) = self.idle.pop() else { break };
            self.ends.push(Reverse((nanos(self.now) + later, slot)));
            self.working[slot] = Some(Request { arrived: self.now, pass: None });
        }
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.now)
    }

    fn arrive(&mut self) {
        let Some(gate) = self.gate else {
            return self.enter(self.now, None);
        };
        if let Some(pass) = gate.try_enter(self.instant(), 1) {
            return self.enter(self.now, Some(pass));
        }
        gate.was_full.store(true, Ordering::Relaxed);
        self.give_up();
        let now = self.instant();
        match self.in_line.join(self.now, gate.longest_line(), now) {
            Some(number) => {
                let until = self.now + gate.patience(self.in_line.age(now)).as_secs_f64();
                self.give_up.push(Reverse((nanos(until), number)));
            }
            None => self.shed += 1,
        }
    }

    /// Takes those out of the line who have waited long enough.
    fn give_up(&mut self) {
        while let Some(Reverse((until, number))) = self.give_up.peek().copied()
            && until < nanos(self.now)
        {
            self.give_up.pop();
            self.shed += usize::from(self.in_line.leave(number));
        }
    }

    fn enter(&mut self, arrived: f64, pass: Option<Pass<'a>>) {
        self.at_service.push_back(Request { arrived, pass });
        self.work();
    }

    fn work(&mut self) {
        while !self.at_service.is_empty()
            && let Some(slot) = self.idle.pop()
        {
            let end = self.now + (self.service.takes)(&mut self.rng);
            self.ends.push(Reverse((nanos(end), slot)));
            self.working[slot] = self.at_service.pop_front();
        }
    }

    fn end_one(&mut self) {
        let Some(Reverse((end, slot))) = self.ends.pop() else { return };
        self.now = Duration::from_nanos(end).as_secs_f64();
        let request = self.working[slot].take().unwrap();
        self.idle.push(slot);
        self.took.push(self.now - request.arrived);
        if let Some(pass) = request.pass {
            pass.answered(None, self.instant());
        }
        self.work();
        self.let_in();
    }

    fn let_in(&mut self) {
        let Some(gate) = self.gate else { return };
        self.give_up();
        while self.in_line.len() > 0
            && let Some(pass) = gate.try_enter(self.instant(), 1)
        {
            let Some(arrived) = self.in_line.take_newest() else { return };
            self.enter(arrived, Some(pass));
        }
    }
}

fn nanos(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds).as_nanos()).unwrap()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn evenly(_: &mut Rng) -> f64 {
    50.0 * MILLISECOND
}

fn randomly(rng: &mut Rng) -> f64 {
    -50.0 * MILLISECOND * rng.f64().max(1e-12).ln()
}

/// One path in ten takes thirty times as long.
fn mixed(rng: &mut Rng) -> f64 {
    if rng.u8(..10) == 0 { 300.0 * MILLISECOND } else { 10.0 * MILLISECOND }
}

fn mostly_slow(rng: &mut Rng) -> f64 {
    if rng.u8(..10) < 6 { 300.0 * MILLISECOND } else { 10.0 * MILLISECOND }
}

/// What a service can do in a second, and how long it takes shortly before that.
fn knee(service: Service, capacity: f64) -> Result {
    World::new(service, None, Instant::now()).run(capacity * 0.95, 10.0)
}

/// Asks a service for twice what it can do, after a quiet time or at once.
fn overload(service: Service, capacity: f64, quiet: f64) {
    let (knee, start) = (knee(service, capacity), Instant::now());
    let gate = Gate::new(start);
    let mut guarded = World::new(service, Some(&gate), start);
    if quiet > 0.0 {
        let before = guarded.run(capacity * 0.5, quiet);
        assert!(before.shed * 200 < before.asked, "{before:?}");
    }
    guarded.run(capacity * 2.0, 5.0);

    let result = guarded.run(capacity * 2.0, 10.0);
    let unguarded = World::new(service, None, start).run(capacity * 2.0, 10.0);

    assert!(result.answered_per_second >= 0.9 * capacity, "{result:?} of {capacity}");
    assert!(result.p99 < 2.0 * knee.p99, "{result:?} after {knee:?}");
    assert!(unguarded.p99 > 4.0, "there is no overload: {unguarded:?}");
}

#[test]
fn twice_what_a_service_can_do_costs_neither_its_work_nor_its_speed() {
    overload(Service { slots: 32, takes: evenly }, 640.0, 5.0);
    overload(Service { slots: 200, takes: evenly }, 4000.0, 5.0);
    overload(Service { slots: 64, takes: randomly }, 1280.0, 5.0);
    overload(Service { slots: 64, takes: mixed }, 64.0 / 0.039, 5.0);
}

#[test]
fn nor_does_it_when_there_was_no_time_to_learn_what_is_usual() {
    overload(Service { slots: 32, takes: evenly }, 640.0, 0.0);
    overload(Service { slots: 200, takes: evenly }, 4000.0, 0.0);
}

#[test]
fn slow_paths_among_quick_ones_are_not_held_up() {
    let start = Instant::now();
    let gate = Gate::new(start);
    let mut world = World::new(Service { slots: 5_000, takes: mixed }, Some(&gate), start);

    let before = world.run(1_000.0, 20.0);
    world.service.takes = mostly_slow;
    let change = world.run(1_000.0, 10.0);
    let after = world.run(1_000.0, 20.0);

    assert!(before.shed * 1_000 < before.asked, "{before:?}");
    assert!(change.shed * 10 < change.asked, "{change:?}");
    assert!(after.shed * 1_000 < after.asked, "{after:?}");
}

#[test]
fn a_service_that_is_asked_more_and_can_do_more_gets_more() {
    let start = Instant::now();
    let gate = Gate::new(start);
    let mut world = World::new(Service { slots: 5_000, takes: evenly }, Some(&gate), start);

    world.run(200.0, 5.0);
    let at_first = world.run(20_000.0, 1.0);
    let then = world.run(20_000.0, 10.0);

    assert!(at_first.answered_per_second > 5_000.0, "{at_first:?}");
    assert!(then.shed * 1_000 < then.asked, "{then:?}");
}

#[test]
fn a_quick_service_that_stands_still_for_a_moment_refuses_nobody() {
    let start = Instant::now();
    let gate = Gate::new(start);
    let service = Service { slots: 64, takes: |_| 0.2 * MILLISECOND };
    let mut world = World::new(service, Some(&gate), start);

    world.run(10_000.0, 2.0);
    world.stand_still(30.0 * MILLISECOND);
    let after = world.run(10_000.0, 2.0);

    assert_eq!(after.shed, 0, "{after:?}");
}
