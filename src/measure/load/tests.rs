//! Tests of load shapes: in virtual time if nothing else runs, in real time if the schedule itself is tested.

use super::*;
use std::cell::RefCell;
use tokio::task::LocalSet;

fn shape() -> LoadSpec {
    LoadSpec { requests: Some(20), duration: None, concurrency: 4, rate: None, max_error_rate: None }
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_keeps_its_number_in_flight() {
    let (now, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let work = {
        let (now, most) = (Rc::clone(&now), Rc::clone(&most));
        move |_| {
            let (now, most) = (Rc::clone(&now), Rc::clone(&most));
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.set(now.get() - 1);
                false
            }
        }
    };
    let tally = LocalSet::new().run_until(drive(shape(), CancellationToken::new(), work)).await;
    assert_eq!(tally, LoadOutcome { started: 20, failed: 0, starting: None, stopped_early: None });
    assert_eq!(most.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_answer_makes_the_whole_lane_rest() {
    let starts = Rc::new(RefCell::new(Vec::new()));
    let (begun, seen) = (tokio::time::Instant::now(), Rc::clone(&starts));
    let work = move |start: ScheduledRequest| {
        seen.borrow_mut().push(begun.elapsed().as_secs());
        let rest = (start.index == 1).then_some(Duration::from_secs(30));
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            RequestEnd { failed: rest.is_some(), rest }
        }
    };
    let shape = LoadSpec { requests: Some(6), concurrency: 2, ..shape() };
    let tally = LocalSet::new().run_until(drive(shape, CancellationToken::new(), work)).await;
    assert_eq!((tally.started, tally.failed), (6, 1));
    assert_eq!(starts.borrow()[..2], [0, 0]);
    assert!(starts.borrow()[3..].iter().all(|at| *at >= 31), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn nobody_rests_after_the_last_request_or_an_interrupt() {
    let rest = Some(Duration::from_secs(3600));
    let begun = tokio::time::Instant::now();
    let last = LoadSpec { requests: Some(1), ..shape() };
    let work = move |_| async move { RequestEnd { failed: true, rest } };
    LocalSet::new().run_until(drive(last, CancellationToken::new(), work)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let stop = CancellationToken::new();
    let (load, stopped) = (drive(LoadSpec { concurrency: 1, ..shape() }, stop.clone(), work), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stop.cancel();
    });
    let (tally, ()) = LocalSet::new().run_until(async { tokio::join!(load, stopped) }).await;
    assert_eq!((tally.started, begun.elapsed()), (1, Duration::from_secs(5)));
}

#[tokio::test]
async fn too_many_errors_stop_the_lane() {
    let limited = LoadSpec { requests: Some(1000), concurrency: 1, max_error_rate: Some(0.5), ..shape() };
    let work = |start: ScheduledRequest| async move { !start.index.is_multiple_of(4) };
    let tally = LocalSet::new().run_until(drive(limited, CancellationToken::new(), work)).await;
    assert!(tally.started < 20, "{tally:?}");
    assert!(tally.stopped_early.unwrap().contains("requests failed"));
}

#[tokio::test]
async fn an_open_loop_keeps_the_due_moments_of_late_requests() {
    let late = Rc::new(RefCell::new(Vec::new()));
    let rate = ArrivalRate { per_second: 200.0, arrivals: Arrivals::Constant };
    let squeezed = LoadSpec { requests: Some(5), concurrency: 1, rate: Some(rate), ..shape() };
    let seen = Rc::clone(&late);
    let work = move |start: ScheduledRequest| {
        seen.borrow_mut().push(start.due.unwrap());
        tokio::time::sleep(Duration::from_millis(30))
    };
    let work = move |start| {
        let request = work(start);
        async move {
            request.await;
            false
        }
    };
    LocalSet::new().run_until(drive(squeezed, CancellationToken::new(), work)).await;
    let due = late.borrow();
    let gaps: Vec<u128> = due.windows(2).map(|pair| (pair[1] - pair[0]).as_micros()).collect();
    assert_eq!(gaps, [5000; 4], "the schedule must not slip with the answers");
}

#[tokio::test]
async fn awaiting_the_last_answers_is_no_time_of_starting() {
    let rate = ArrivalRate { per_second: 100.0, arrivals: Arrivals::Constant };
    let duration = Some(Duration::from_millis(100));
    let shape = LoadSpec { requests: None, duration, concurrency: 100, rate: Some(rate), ..shape() };
    let (begun, answer) = (Instant::now(), Duration::from_millis(300));
    let work = move |_| async move {
        tokio::time::sleep(answer).await;
        false
    };
    let tally = LocalSet::new().run_until(drive(shape, CancellationToken::new(), work)).await;
    assert!(tally.starting.unwrap() < begun.elapsed());
    assert!(tally.started <= 10, "no request starts after the duration: {tally:?}");
    let known = LoadOutcome { started: 40, starting: Some(Duration::from_secs(2)), ..LoadOutcome::default() };
    assert_eq!(known.rate(), Some(20.0));
    assert_eq!(LoadOutcome { started: 40, ..LoadOutcome::default() }.rate(), None);
}

#[test]
fn poisson_gaps_have_the_mean_of_the_rate() {
    let mut schedule = Schedule::new(ArrivalRate { per_second: 100.0, arrivals: Arrivals::Poisson }, 7);
    let last = (0..20_000).map(|_| schedule.next_offset()).last().unwrap();
    assert!((last.as_secs_f64() / 200.0 - 1.0).abs() < 0.05, "{last:?}");
}
