use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::*;

const LONG: Duration = Duration::from_secs(20);

fn gate() -> Gate {
    Gate::new(Instant::now())
}

/// Takes all the room there is.
fn fill(gate: &Gate) -> Vec<Pass<'_>> {
    std::iter::from_fn(|| gate.try_enter(Instant::now(), 1)).collect()
}

#[test]
fn there_is_as_much_room_as_the_limit_says() {
    let gate = gate();

    let passes = fill(&gate);

    assert_eq!((passes.len(), gate.in_flight()), (gate.limit(), gate.limit()));
    drop(passes);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn who_waits_is_let_in_when_another_leaves() {
    let gate = gate();
    let mut passes = fill(&gate);
    let mut waiting = Box::pin(gate.enter(1));
    assert!(waiting.as_mut().now_or_never().is_none());

    drop(passes.pop());

    let pass = timeout(LONG, waiting).await.unwrap().unwrap();
    assert_eq!(gate.in_flight(), gate.limit());
    pass.forget();
    assert_eq!(gate.in_flight(), gate.limit() - 1);
}

#[tokio::test]
async fn who_waits_in_vain_is_turned_away() {
    let gate = gate();
    let passes = fill(&gate);

    let waited = timeout(LONG, gate.enter(1)).await.unwrap();

    assert_eq!(waited.err(), Some(Full::Wait));
    assert_eq!((gate.in_flight(), gate.line().len()), (passes.len(), 0));
}

#[tokio::test]
async fn the_line_has_an_end() {
    let gate = gate();
    let _passes = fill(&gate);
    let waiting: Vec<_> = (0..gate.longest_line()).map(|_| gate.join(Instant::now()).unwrap()).collect();

    assert_eq!(gate.enter(1).now_or_never().unwrap().err(), Some(Full::Line));
    drop(waiting);
    assert!(gate.enter(1).now_or_never().is_none());
}

#[test]
fn a_line_that_has_just_formed_is_given_time_and_one_that_stays_is_not() {
    let gate = gate();
    gate.usual_micros.store(200, Ordering::Relaxed);

    assert_eq!(gate.patience(Duration::ZERO), MOMENT);
    assert_eq!(gate.patience(MOMENT), SHORTEST_WAIT);
}

#[tokio::test]
async fn who_leaves_the_line_takes_no_room_with_it() {
    let gate = gate();
    let mut passes = fill(&gate);
    let mut waiting = [Box::pin(gate.enter(1)), Box::pin(gate.enter(1))];
    for one in &mut waiting {
        assert!(one.as_mut().now_or_never().is_none());
    }

    // The newer one is let in, and leaves before it hears of it.
    drop(passes.pop());
    let [older, newer] = waiting;
    drop(newer);

    timeout(LONG, older).await.unwrap().unwrap().forget();
    drop(passes);
    assert_eq!((gate.in_flight(), gate.line().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn room_is_neither_lost_nor_made_by_many_at_once() {
    let gate = std::sync::Arc::new(gate());
    let tasks: Vec<_> = (0..8)
        .map(|seed| {
            let gate = std::sync::Arc::clone(&gate);
            tokio::spawn(async move {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut held = Vec::new();
                for _ in 0..2_000 {
                    match rng.u8(..4) {
                        0 | 1 => held.extend(gate.try_enter(Instant::now(), 1)),
                        2 => drop(gate.enter(1).now_or_never()),
                        _ => held.truncate(rng.usize(..=held.len())),
                    }
                    assert!(gate.in_flight() <= gate.limit());
                }
            })
        })
        .collect();

    for task in tasks {
        task.await.unwrap();
    }

    assert_eq!((gate.in_flight(), gate.line().len()), (0, 0));
    assert_eq!(fill(&gate).len(), gate.limit());
}

#[test]
fn a_client_that_leaves_early_tells_nothing_and_one_that_has_waited_for_long_does() {
    let past = Instant::now().checked_sub(LONG).unwrap();
    let (gate, quick) = (Gate::new(past), Duration::from_millis(10));
    let begun = |ago: Duration| gate.try_enter(Instant::now().checked_sub(ago).unwrap(), 1).unwrap();
    (0..50).for_each(|_| drop(begun(Duration::from_secs(1))));
    assert_eq!(gate.usual(), Duration::from_micros(u64::MAX), "there is nothing to compare with");

    for _ in 0..16 {
        gate.try_enter(past, 1).unwrap().answered(None, past + quick);
    }
    (0..50).for_each(|_| drop(gate.try_enter(Instant::now() + LONG, 1)));
    let answers_before = gate.window.lock().unwrap().answers();
    (0..10).for_each(|_| drop(begun(Duration::from_secs(1))));

    assert_eq!(gate.usual(), quick);
    assert_eq!((answers_before, gate.window.lock().unwrap().answers()), (0, 10));
}
