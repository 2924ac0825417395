//! Which Applications may be synced now: what stands before each of them in, those that are free out.
//!
//! An Application waits for three things: for the environments before its own, for the waves before its own among the
//! Applications of its cluster and environment, and for the steps before its own in its ApplicationSet. Everything is
//! counted, so that an Application is touched once for each thing that it waits for, however many there are.

use std::collections::{BTreeMap, BTreeSet};

/// An Application of one cluster, as far as order is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The number of its cluster.
    pub cluster: usize,
    /// The number of its environment: lower ones come first.
    pub stage: usize,
    /// Its wave among the Applications of its cluster.
    pub wave: i64,
    /// Its ApplicationSet, its step there, and how many of the step may be under way at once.
    pub turn: Option<(usize, usize, Option<usize>)>,
}

/// Why an Application was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waits {
    /// An environment before its own is not done, or was not left.
    Stage,
    /// A wave before its own is not done.
    Wave,
    /// A step before its own is not done, or as many of its own step are under way as may be.
    Turn,
}

/// Some Applications that others wait for.
#[derive(Debug, Default)]
struct Group {
    members: Vec<usize>,
    /// How many of them are not done.
    open: usize,
    /// How many of them may be under way at once.
    limit: Option<usize>,
    moving: usize,
    /// Those that wait for nothing but that limit.
    queue: BTreeSet<usize>,
}

/// Groups of which each waits for the one before.
type Chain<K> = BTreeMap<K, Group>;

/// The Applications of a run and how far each is.
#[derive(Debug)]
pub struct Schedule {
    slots: Vec<Slot>,
    /// For how many things each waits.
    blocked: Vec<u8>,
    begun: Vec<bool>,
    stages: Chain<usize>,
    waves: BTreeMap<(usize, usize), Chain<i64>>,
    turns: BTreeMap<usize, Chain<usize>>,
    ready: BTreeSet<usize>,
    /// The stages that were opened.
    opened: BTreeSet<usize>,
}

impl Schedule {
    /// A schedule in which no stage is open. Those of `held` are never begun.
    pub fn new(slots: Vec<Slot>, held: &BTreeSet<usize>) -> Schedule {
        let mut schedule = Schedule {
            blocked: Vec::with_capacity(slots.len()),
            begun: slots.iter().enumerate().map(|(index, _)| held.contains(&index)).collect(),
            stages: BTreeMap::new(),
            waves: BTreeMap::new(),
            turns: BTreeMap::new(),
            ready: BTreeSet::new(),
            opened: BTreeSet::new(),
            slots,
        };
        for (index, slot) in schedule.slots.iter().enumerate() {
            let waves = schedule.waves.entry((slot.cluster, slot.stage)).or_default();
            let mut blocked = 2;
            waves.entry(slot.wave).or_default().add(index);
            schedule.stages.entry(slot.stage).or_default().add(index);
            if let Some((set, step, limit)) = slot.turn {
                let group = schedule.turns.entry(set).or_default().entry(step).or_default();
                group.limit = limit;
                group.add(index);
                blocked += 1;
            }
            schedule.blocked.push(blocked);
        }
        let first: Vec<usize> = schedule
            .waves
            .values()
            .filter_map(|chain| chain.values().next())
            .chain(schedule.turns.values().filter_map(|chain| chain.values().next()))
            .flat_map(|group| group.members.iter().copied())
            .collect();
        for index in first {
            schedule.free(index);
        }
        schedule
    }

    /// The first stage that was not opened, if all that comes before it is done.
    pub fn gate(&self) -> Option<usize> {
        for (stage, group) in &self.stages {
            if !self.opened.contains(stage) {
                return Some(*stage);
            }
            if group.open > 0 {
                return None;
            }
        }
        None
    }

    /// Opens a stage.
    pub fn open(&mut self, stage: usize) {
        if !self.opened.insert(stage) {
            return;
        }
        let members = self.stages.get(&stage).map(|group| group.members.clone()).unwrap_or_default();
        for index in members {
            self.free(index);
        }
    }

    /// The next Application that may be begun; from now on it counts as begun.
    pub fn take(&mut self) -> Option<usize> {
        let index = self.ready.pop_first()?;
        self.begun[index] = true;
        Some(index)
    }

    /// An Application is as it should be: what waited for it may go on.
    pub fn done(&mut self, index: usize) {
        let slot = self.slots[index].clone();
        if let Some(group) = self.stages.get_mut(&slot.stage) {
            group.open = group.open.saturating_sub(1);
        }
        let mut freed = Vec::new();
        if let Some(chain) = self.waves.get_mut(&(slot.cluster, slot.stage)) {
            freed.extend(leave(chain, &slot.wave));
        }
        if let Some((set, step, _)) = slot.turn
            && let Some(chain) = self.turns.get_mut(&set)
        {
            freed.extend(leave(chain, &step));
            if let Some(group) = chain.get_mut(&step) {
                group.moving = group.moving.saturating_sub(1);
                while let Some(next) = group.next() {
                    self.ready.insert(next);
                }
            }
        }
        for index in freed {
            self.free(index);
        }
    }

    /// Takes one obstacle out of the way of an Application.
    fn free(&mut self, index: usize) {
        self.blocked[index] = self.blocked[index].saturating_sub(1);
        if self.blocked[index] > 0 || self.begun[index] {
            return;
        }
        let group = self.slots[index].turn.and_then(|(set, step, _)| self.turns.get_mut(&set)?.get_mut(&step));
        match group {
            Some(group) => {
                group.queue.insert(index);
                while let Some(next) = group.next() {
                    self.ready.insert(next);
                }
            }
            None => drop(self.ready.insert(index)),
        }
    }

    /// What was not begun, and the first thing that each waits for.
    pub fn waiting(&self) -> Vec<(usize, Waits)> {
        let reason = |index: usize| {
            let slot = &self.slots[index];
            if !self.opened.contains(&slot.stage) {
                return Waits::Stage;
            }
            let waves = self.waves.get(&(slot.cluster, slot.stage));
            match waves.is_some_and(|chain| chain.range(..slot.wave).any(|(_, group)| group.open > 0)) {
                true => Waits::Wave,
                false => Waits::Turn,
            }
        };
        (0..self.slots.len()).filter(|index| !self.begun[*index]).map(|index| (index, reason(index))).collect()
    }
}

impl Group {
    fn add(&mut self, index: usize) {
        self.members.push(index);
        self.open += 1;
    }

    /// The next one that the limit lets through.
    fn next(&mut self) -> Option<usize> {
        if self.limit.is_some_and(|limit| self.moving >= limit) {
            return None;
        }
        let next = self.queue.pop_first()?;
        self.moving += 1;
        Some(next)
    }
}

/// One of the group at `place` is done; those of the next group, if it was the last.
fn leave<K: Ord>(chain: &mut Chain<K>, place: &K) -> Vec<usize> {
    let Some(group) = chain.get_mut(place) else { return Vec::new() };
    group.open = group.open.saturating_sub(1);
    if group.open > 0 {
        return Vec::new();
    }
    let after = (std::ops::Bound::Excluded(place), std::ops::Bound::Unbounded);
    chain.range(after).next().map(|(_, group)| group.members.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(cluster: usize, stage: usize, wave: i64) -> Slot {
        Slot { cluster, stage, wave, turn: None }
    }

    fn turn(step: usize, limit: Option<usize>) -> Slot {
        Slot { cluster: 0, stage: 0, wave: 0, turn: Some((0, step, limit)) }
    }

    fn schedule(slots: Vec<Slot>) -> Schedule {
        let mut schedule = Schedule::new(slots, &BTreeSet::new());
        schedule.open(0);
        schedule
    }

    fn taken(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.take()).collect()
    }

    #[test]
    fn a_wave_waits_for_the_one_before_in_its_own_cluster() {
        let mut schedule = schedule(vec![slot(0, 0, 0), slot(0, 0, 0), slot(0, 0, 1), slot(1, 0, 5)]);
        assert_eq!(taken(&mut schedule), [0, 1, 3]);
        schedule.done(0);
        assert!(taken(&mut schedule).is_empty());
        schedule.done(1);
        assert_eq!(taken(&mut schedule), [2]);
    }

    #[test]
    fn a_stage_waits_until_it_is_opened_and_may_be_opened_when_all_before_it_is_done() {
        let mut schedule = schedule(vec![slot(0, 0, 0), slot(1, 2, 0)]);
        assert_eq!(taken(&mut schedule), [0]);
        assert_eq!(schedule.gate(), None);
        schedule.done(0);
        assert!(taken(&mut schedule).is_empty());
        assert_eq!(schedule.gate(), Some(2));
        schedule.open(2);
        assert_eq!(taken(&mut schedule), [1]);
        schedule.done(1);
        assert_eq!(schedule.gate(), None);
    }

    #[test]
    fn a_step_lets_as_many_through_as_its_limit_says() {
        let mut schedule = schedule(vec![turn(0, Some(2)), turn(0, Some(2)), turn(0, Some(2)), turn(1, None)]);
        assert_eq!(taken(&mut schedule), [0, 1]);
        schedule.done(0);
        assert_eq!(taken(&mut schedule), [2]);
        schedule.done(1);
        assert!(taken(&mut schedule).is_empty());
        schedule.done(2);
        assert_eq!(taken(&mut schedule), [3]);
    }

    #[test]
    fn what_is_held_keeps_back_what_comes_after_it() {
        let mut schedule = Schedule::new(vec![turn(0, None), turn(0, None), turn(1, None)], &BTreeSet::from([1]));
        schedule.open(0);
        assert_eq!(taken(&mut schedule), [0]);
        schedule.done(0);
        assert!(taken(&mut schedule).is_empty());
        assert_eq!(schedule.waiting(), [(2, Waits::Turn)]);
    }

    #[test]
    fn what_failed_keeps_back_only_what_waits_for_it() {
        let mut schedule = schedule(vec![slot(0, 0, 0), slot(0, 0, 1), slot(1, 0, 0), slot(1, 0, 1), slot(2, 1, 0)]);
        assert_eq!(taken(&mut schedule), [0, 2]);
        schedule.done(2);
        assert_eq!(taken(&mut schedule), [3]);
        schedule.done(3);
        assert_eq!(schedule.gate(), None);
        assert_eq!(schedule.waiting(), [(1, Waits::Wave), (4, Waits::Stage)]);
    }
}
