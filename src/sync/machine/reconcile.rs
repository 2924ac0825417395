//! One step of an operation.

use std::collections::BTreeSet;

use super::annotation::DeletePolicy;
use super::task::is_definition;
use super::tasks::is_namespace;
use super::{Act, Backend, Operation, Outcome, Phase, Refusal, State, Status, Task, Verb};
use crate::sync::health::Health;

/// How a batch of tasks went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    Successful,
    /// Something has to go first.
    Pending,
    Failed,
}

/// Positions in the list of tasks.
type Indices = Vec<usize>;

fn those(tasks: &[Task], is_meant: impl Fn(&Task) -> bool) -> Indices {
    (0..tasks.len()).filter(|index| is_meant(&tasks[*index])).collect()
}

impl Operation {
    /// Does what is next, and returns without waiting for it.
    pub async fn reconcile<B: Backend>(&mut self, backend: &mut B) {
        self.step(backend).await;
        self.record(backend).await;
    }

    async fn step<B: Backend>(&mut self, backend: &mut B) {
        let mut tasks = match self.tasks(backend).await {
            Ok(tasks) => tasks,
            Err(error) => {
                return self.set(State::Failed, format!("one or more synchronization tasks are not valid: {error}"));
            }
        };
        if !self.has_started() && !self.try_all(backend, &mut tasks).await {
            return;
        }
        self.observe(backend, &mut tasks);
        let multi = match (tasks.first(), tasks.last()) {
            (Some(first), Some(last)) => (first.phase, first.wave()) != (last.phase, last.wave()),
            _ => false,
        };
        let running = those(&tasks, |task| (multi || task.is_hook()) && task.is_running());
        if !running.is_empty() {
            self.miss(backend, &mut tasks, &running).await;
            return self.wait_for(&tasks, &running, false);
        }
        let going = those(&tasks, |task| {
            let leaves = |live: &serde_json::Value| live.pointer("/metadata/deletionTimestamp").is_some();
            task.status == Some(Status::Pruned) && task.live.as_ref().is_some_and(|live| leaves(live))
        });
        if !going.is_empty() {
            return self.wait_for(&tasks, &going, true);
        }
        let over = those(&tasks, |task| task.is_hook() && task.is_completed());
        self.release(backend, &mut tasks, &over).await;
        let ends_with =
            |policy| those(&tasks, |task| task.live.is_some() && !task.is_running() && task.has_policy(policy));
        let (after_success, after_failure) =
            (ends_with(DeletePolicy::HookSucceeded), ends_with(DeletePolicy::HookFailed));
        let on_failure = those(&tasks, |task| task.phase == Phase::SyncFail);
        let regular = those(&tasks, |task| task.phase != Phase::SyncFail);
        if regular.iter().any(|index| tasks[*index].is_unsuccessful()) {
            self.delete_hooks(backend, &mut tasks, &after_failure).await;
            let reason = "one or more synchronization tasks completed unsuccessfully";
            let refused = refused(&tasks, &regular);
            self.fail(backend, &mut tasks, &on_failure, &refused, reason).await;
            return;
        }
        let open: Indices = regular
            .into_iter()
            .filter(|index| tasks[*index].is_pending() && !self.is_left_alone(&tasks[*index]))
            .collect();
        let Some(first) = open.first().copied() else {
            self.delete_hooks(backend, &mut tasks, &after_success).await;
            return self.set(State::Succeeded, "successfully synced (no more tasks)");
        };
        let place = (tasks[first].phase, tasks[first].wave());
        let (now, later): (Indices, Indices) =
            open.into_iter().partition(|index| (tasks[*index].phase, tasks[*index].wave()) == place);
        self.set(State::Running, "one or more tasks are running");
        let run = self.run(backend, &mut tasks, &now, false).await;
        self.waves += usize::from(run != Run::Failed && !later.is_empty());
        match run {
            Run::Failed => self.after_failure(backend, &mut tasks, &now, &on_failure, &after_failure).await,
            Run::Successful if later.is_empty() && !now.iter().any(|index| tasks[*index].is_hook()) => {
                // The last wave without hooks is not waited for: a sync without waves is an apply.
                self.delete_hooks(backend, &mut tasks, &after_success).await;
                self.set(State::Succeeded, "successfully synced (all tasks run)");
            }
            Run::Successful => self.wait_for(&tasks, &now, false),
            Run::Pending => {
                let pending = now
                    .into_iter()
                    .filter(|index| {
                        let task = &tasks[*index];
                        task.is_deleted_before_creation() || (task.is_prune() && task.is_pending())
                    })
                    .collect::<Indices>();
                self.wait_for(&tasks, &pending, true);
            }
        }
    }

    /// Before anything else every task is tried without effect. The namespace of the destination is made before that:
    /// without it nothing in it can be tried. `false` where the operation ends here.
    async fn try_all<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task]) -> bool {
        let name = self.options.namespace.clone();
        let namespace = tasks.iter().position(|task| {
            task.live.is_none() && task.target.as_ref().is_some_and(|target| is_namespace(target, &name))
        });
        if let Some(namespace) = namespace
            && self.run(backend, tasks, &[namespace], false).await == Run::Failed
        {
            self.fail(backend, tasks, &[], &[namespace], "the namespace failed to apply").await;
            return false;
        }
        let tried = (0..tasks.len())
            .filter(|index| Some(*index) != namespace && !self.is_left_alone(&tasks[*index]))
            .collect::<Indices>();
        if self.run(backend, tasks, &tried, true).await == Run::Failed {
            self.set(State::Failed, "one or more objects failed to apply (dry run)");
            return false;
        }
        true
    }

    /// Takes over what became of the tasks that are under way.
    fn observe<B: Backend>(&mut self, backend: &B, tasks: &mut [Task]) {
        for task in tasks.iter_mut().filter(|task| task.is_running()) {
            let Some(live) = task.live.clone() else { continue };
            let status = task.status;
            let (state, message) = match (backend.health(&live), task.is_hook()) {
                (None, true) => (State::Succeeded, format!("{} created", task.key().name)),
                (None, false) => (State::Succeeded, task.message.clone()),
                (Some(Health::Healthy), _) => (State::Succeeded, String::new()),
                (Some(Health::Degraded(reason)), _) => (State::Failed, reason),
                (Some(Health::Progressing(reason)), true) => (State::Running, reason),
                (Some(Health::Progressing(_)), false) => continue,
            };
            self.note(task, status, Some(state), &message);
        }
    }

    /// What is under way and no longer there would be waited for in vain.
    async fn miss<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], running: &[usize]) {
        for index in running {
            let task = &mut tasks[*index];
            if task.live.is_some() {
                continue;
            }
            match backend.get(&task.key()).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let (status, state, message) = Operation::fail_running(task);
                    self.note(task, status, state, &message);
                }
                Err(error) => {
                    let status = task.status;
                    self.note(task, status, Some(State::Error), &format!("Failed to get live resource {error}"));
                }
            }
        }
    }

    fn wait_for(&mut self, tasks: &[Task], awaited: &[usize], deletion: bool) {
        if awaited.is_empty() {
            return self.set(State::Running, "");
        }
        let hooks = awaited.iter().copied().filter(|index| tasks[*index].is_hook()).collect::<Indices>();
        let kind = if hooks.len() == awaited.len() { "hooks" } else { "resources" };
        let mut reason = match (deletion, hooks.is_empty()) {
            (true, true) => "deletion of",
            (true, false) => "deletion of hook",
            (false, true) => "healthy state of",
            (false, false) => "completion of hook",
        };
        let mut first = hooks.first().or(awaited.first()).copied().unwrap_or(0);
        let mut others = awaited.len() - 1;
        let unconfirmed = awaited
            .iter()
            .copied()
            .filter(|index| tasks[*index].is_prune() && self.needs_confirmation(tasks[*index].object()))
            .collect::<Indices>();
        if let Some(one) = unconfirmed.first() {
            reason = "pruning confirmation of";
            first = *one;
            others = unconfirmed.len() - 1;
        }
        let more = if others > 0 { format!(" and {others} more {kind}") } else { String::new() };
        self.set(State::Running, format!("waiting for {reason} {}{more}", tasks[first].key()));
    }

    async fn release<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], hooks: &[usize]) -> bool {
        let held = |task: &Task| {
            task.live.as_ref().is_some_and(|live| {
                live["metadata"]["finalizers"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == super::HOOK_FINALIZER))
            })
        };
        let hooks: Indices = hooks.iter().copied().filter(|index| held(&tasks[*index])).collect();
        let acts = hooks.iter().map(|index| self.act(&tasks[*index], Verb::Release, false)).collect();
        let answers = self.ask(backend, acts).await;
        let mut released = true;
        for (index, answer) in hooks.iter().zip(answers) {
            if let Err(Refusal::Refused(reason)) = answer {
                let task = &mut tasks[*index];
                let status = task.status;
                self.note(task, status, Some(State::Error), &format!("Failed to remove hook finalizer: {reason}"));
                released = false;
            }
        }
        released
    }

    async fn delete_hooks<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], hooks: &[usize]) {
        let acts = hooks.iter().map(|index| self.act(&tasks[*index], Verb::Delete, false)).collect();
        for (index, answer) in hooks.iter().zip(self.ask(backend, acts).await) {
            if let Err(Refusal::Refused(reason)) = answer {
                let task = &mut tasks[*index];
                let status = task.status;
                self.note(task, status, Some(State::Error), &format!("failed to delete resource: {reason}"));
            }
        }
    }

    /// Runs the hooks for failures; `true` where there is nothing more to wait for.
    async fn fail<B: Backend>(
        &mut self,
        backend: &mut B,
        tasks: &mut [Task],
        on_failure: &[usize],
        refused: &[usize],
        reason: &str,
    ) -> bool {
        let mut message = with_reasons(tasks, refused, reason);
        if on_failure.iter().all(|index| tasks[*index].is_completed()) {
            let failed = self::refused(tasks, on_failure);
            if !failed.is_empty() {
                message = format!("{message}\n{}", with_reasons(tasks, &failed, "one or more SyncFail hooks failed"));
            }
            self.set(State::Failed, message);
            return true;
        }
        let open: Indices = on_failure
            .iter()
            .copied()
            .filter(|index| !tasks[*index].is_completed() && !tasks[*index].is_running())
            .collect();
        self.run(backend, tasks, &open, false).await;
        self.wait_for(tasks, &open, false);
        false
    }

    async fn after_failure<B: Backend>(
        &mut self,
        backend: &mut B,
        tasks: &mut [Task],
        now: &[usize],
        on_failure: &[usize],
        deleted: &[usize],
    ) {
        let reason = "one or more objects failed to apply";
        let refused = refused(tasks, now);
        let mut running: Indices = now.iter().copied().filter(|index| tasks[*index].is_running()).collect();
        if running.is_empty() {
            if self.fail(backend, tasks, on_failure, &refused, reason).await {
                self.delete_hooks(backend, tasks, deleted).await;
            }
            return;
        }
        if !on_failure.is_empty() && !self.fail(backend, tasks, on_failure, &refused, reason).await {
            running.extend_from_slice(on_failure);
        }
        self.wait_for(tasks, &running, false);
    }

    /// Has `acts` done. What is known by then is recorded before: an act may take away what told it.
    async fn ask<B: Backend>(&mut self, backend: &mut B, acts: Vec<Act>) -> Vec<Result<String, Refusal>> {
        if acts.is_empty() {
            return Vec::new();
        }
        self.record(backend).await;
        backend.perform(acts).await
    }

    async fn record<B: Backend>(&mut self, backend: &mut B) {
        let changed = std::mem::take(&mut self.changed);
        let outcomes: Vec<Outcome> = changed.iter().filter_map(|place| self.outcomes.get(place)).cloned().collect();
        if !outcomes.is_empty() {
            backend.record(&outcomes).await;
        }
    }

    fn act(&self, task: &Task, verb: Verb, dry_run: bool) -> Act {
        let writes = matches!(verb, Verb::Apply | Verb::Create | Verb::Replace | Verb::Update);
        Act {
            verb,
            key: task.key(),
            phase: task.phase,
            hook: task.is_hook(),
            target: task.target.clone().filter(|_| writes),
            live: task.live.clone(),
            dry_run,
            force: self.forces(task),
            validate: self.validates(task),
        }
    }

    fn verb(&self, task: &Task) -> Verb {
        if !self.replaces(task) {
            return Verb::Apply;
        }
        match &task.live {
            None => Verb::Create,
            // A replacement may delete what is there: with a definition or a namespace all its objects would go.
            Some(_) if is_definition(task.object()) || task.key().kind == "Namespace" => Verb::Update,
            Some(_) => Verb::Replace,
        }
    }

    /// Prunes, deletes hooks of earlier runs, and applies, kind by kind.
    async fn run<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], run: &[usize], dry_run: bool) -> Run {
        let (prunes, creates): (Indices, Indices) = run.iter().copied().partition(|index| tasks[*index].is_prune());
        if !dry_run {
            let old = run
                .iter()
                .copied()
                .filter(|index| {
                    let task = &tasks[*index];
                    task.is_hook() && task.is_pending() && task.live.is_some()
                })
                .collect::<Indices>();
            if !self.release(backend, tasks, &old).await {
                return Run::Failed;
            }
        }
        if prunes.iter().any(|index| self.needs_confirmation(tasks[*index].object())) {
            return Run::Pending;
        }
        if !dry_run && self.prune(backend, tasks, &prunes).await == Run::Failed {
            return Run::Failed;
        }
        if !dry_run {
            let state = self.clear(backend, tasks, &creates).await;
            if state != Run::Successful {
                return state;
            }
        }
        let mut state = Run::Successful;
        let groups: Vec<Vec<usize>> =
            creates.chunk_by(|a, b| tasks[*a].key().kind == tasks[*b].key().kind).map(<[usize]>::to_vec).collect();
        for group in groups {
            state = state.max(self.apply(backend, tasks, &group, dry_run).await);
        }
        state
    }

    async fn prune<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], prunes: &[usize]) -> Run {
        let mut doomed = Vec::new();
        for index in prunes {
            let reason = if !self.options.prune {
                Some("ignored (requires pruning)")
            } else if self.prune_option(tasks[*index].object()) == Some("false") {
                Some("ignored (no prune)")
            } else {
                None
            };
            match reason {
                Some(reason) => {
                    self.note(&mut tasks[*index], Some(Status::PruneSkipped), Some(State::Succeeded), reason);
                }
                None => doomed.push(*index),
            }
        }
        let (gone, present): (Indices, Indices) = doomed.into_iter().partition(|index| {
            tasks[*index].object().pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
        });
        for index in gone {
            self.note(&mut tasks[index], Some(Status::Pruned), Some(State::Succeeded), "pruned");
        }
        let acts = present.iter().map(|index| self.act(&tasks[*index], Verb::Prune, false)).collect();
        let mut state = Run::Successful;
        for (index, answer) in present.iter().zip(self.ask(backend, acts).await) {
            match answer {
                Err(Refusal::Refused(reason)) => {
                    state = Run::Failed;
                    self.note(&mut tasks[*index], Some(Status::SyncFailed), Some(State::Failed), &reason);
                }
                Ok(_) | Err(Refusal::NotFound) => {
                    self.note(&mut tasks[*index], Some(Status::Pruned), Some(State::Succeeded), "pruned");
                }
            }
        }
        state
    }

    /// Deletes the hooks of earlier runs that stand in the way.
    async fn clear<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], creates: &[usize]) -> Run {
        let old: Indices = creates.iter().copied().filter(|index| tasks[*index].is_deleted_before_creation()).collect();
        let acts = old.iter().map(|index| self.act(&tasks[*index], Verb::Delete, false)).collect();
        let mut state = Run::Successful;
        for (index, answer) in old.iter().zip(self.ask(backend, acts).await) {
            let task = &mut tasks[*index];
            match answer {
                Ok(_) => state = state.max(Run::Pending),
                Err(Refusal::NotFound) => task.live = None,
                Err(Refusal::Refused(reason)) => {
                    state = Run::Failed;
                    let status = task.status;
                    self.note(task, status, Some(State::Error), &format!("failed to delete resource: {reason}"));
                }
            }
        }
        state
    }

    async fn apply<B: Backend>(&mut self, backend: &mut B, tasks: &mut [Task], group: &[usize], dry_run: bool) -> Run {
        let group: Indices = group.iter().copied().filter(|index| !(dry_run && tasks[*index].skip_dry_run)).collect();
        let acts = group.iter().map(|index| self.act(&tasks[*index], self.verb(&tasks[*index]), dry_run)).collect();
        let mut state = Run::Successful;
        for (index, answer) in group.iter().zip(self.ask(backend, acts).await) {
            let task = &mut tasks[*index];
            match answer {
                Ok(_) if dry_run => {}
                Ok(message) => self.note(task, Some(Status::Synced), Some(State::Running), &message),
                Err(refusal) => {
                    state = Run::Failed;
                    self.note(task, Some(Status::SyncFailed), Some(State::Failed), &refusal.to_string());
                }
            }
        }
        state
    }
}

fn refused(tasks: &[Task], of: &[usize]) -> Indices {
    of.iter().copied().filter(|index| tasks[*index].status == Some(Status::SyncFailed)).collect()
}

fn with_reasons(tasks: &[Task], refused: &[usize], message: &str) -> String {
    let reasons: BTreeSet<&str> = refused.iter().map(|index| tasks[*index].message.as_str()).collect();
    match reasons.into_iter().collect::<Vec<_>>().join(",") {
        reasons if refused.is_empty() && reasons.is_empty() => message.to_owned(),
        reasons => format!("{message}, reason: {reasons}"),
    }
}
