//! Which subcharts a release has, under which names, and what they export to their parents.

use std::sync::Arc;

use super::chart::Chart;
use super::metadata::{Dependency, Import};
use super::values::{coalesce, coalesce_tables, path_value, read, table};
use crate::render::template::sprig::versions::{Constraints, Version};
use crate::render::template::{Map, Value};

/// A chart within one release: named by its alias, with the subcharts that are enabled.
#[derive(Clone)]
pub(super) struct Instance {
    pub chart: Arc<Chart>,
    pub name: String,
    pub values: Map,
    pub dependencies: Vec<Dependency>,
    pub children: Vec<Instance>,
}

impl Instance {
    /// The chart with all of its subcharts.
    pub(super) fn new(chart: &Arc<Chart>) -> Instance {
        Instance {
            chart: chart.clone(),
            name: chart.meta.name.clone(),
            values: chart.values.as_deref().map(read).unwrap_or_default(),
            dependencies: chart.meta.dependencies.clone(),
            children: chart.children.iter().map(Instance::new).collect(),
        }
    }

    /// Settles aliases, conditions, tags and imports.
    pub(super) fn settle(&mut self, values: &Map) -> Result<(), String> {
        self.enable(values, "")?;
        self.import()
    }

    fn enable(&mut self, values: &Map, path: &str) -> Result<(), String> {
        if self.dependencies.is_empty() {
            return Ok(());
        }
        let known = |child: &Instance, dependency: &Dependency| {
            child.name == dependency.name && compatible(&dependency.version, &child.chart.meta.version)
        };
        let mut children: Vec<Instance> = self
            .children
            .iter()
            .filter(|child| !self.dependencies.iter().any(|dependency| known(child, dependency)))
            .cloned()
            .collect();
        for dependency in &mut self.dependencies {
            if let Some(child) = self.children.iter().find(|child| known(child, dependency)) {
                let mut child = child.clone();
                child.values = child.values.deep_copy();
                if !dependency.alias.is_empty() {
                    child.name.clone_from(&dependency.alias);
                }
                children.push(child);
            }
            if !dependency.alias.is_empty() {
                dependency.name.clone_from(&dependency.alias);
            }
            dependency.enabled = true;
        }
        self.children = children;
        let current = coalesce(self, values, false)?;
        apply_tags(&mut self.dependencies, &current);
        apply_conditions(&mut self.dependencies, &current, path);
        let disabled: Vec<String> =
            self.dependencies.iter().filter(|dependency| !dependency.enabled).map(|d| d.name.clone()).collect();
        self.children.retain(|child| !disabled.contains(&child.name));
        self.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
        for child in &mut self.children {
            let path = format!("{path}{}.", child.name);
            child.enable(&current, &path)?;
        }
        Ok(())
    }

    fn import(&mut self) -> Result<(), String> {
        for child in &mut self.children {
            child.import()?;
        }
        // A chart that lists no dependency keeps its values as they are.
        if self.chart.meta.dependencies.is_empty() {
            return Ok(());
        }
        let current = coalesce(self, &Map::new(), true)?;
        let imported = Map::new();
        for dependency in &self.dependencies {
            for import in &dependency.import_values {
                let (child, parent) = match import {
                    Import::Export(name) => (format!("exports.{name}"), "."),
                    Import::Table { child, parent } => (child.clone(), parent.as_str()),
                };
                let Some(found) = table(&current, &format!("{}.{child}", dependency.name)) else { continue };
                let found = if parent == "." {
                    found
                } else {
                    parent.split('.').rev().fold(found, |inner, key| {
                        let outer = Map::new();
                        outer.insert(key, Value::Map(inner));
                        outer
                    })
                };
                coalesce_tables(&imported, &found, true);
            }
        }
        let values = current.deep_copy();
        coalesce_tables(&values, &imported, true);
        self.values = values;
        Ok(())
    }
}

fn compatible(constraint: &str, version: &str) -> bool {
    match (Constraints::parse(constraint), Version::parse(version)) {
        (Ok(constraints), Ok(version)) => constraints.check(&version),
        _ => false,
    }
}

fn apply_tags(dependencies: &mut [Dependency], values: &Map) {
    let Some(tags) = table(values, "tags") else { return };
    for dependency in dependencies {
        let found: Vec<bool> = dependency
            .tags
            .iter()
            .filter_map(|tag| match tags.get(tag) {
                Some(Value::Bool(value)) => Some(value),
                _ => None,
            })
            .collect();
        dependency.enabled = found.is_empty() || found.contains(&true);
    }
}

fn apply_conditions(dependencies: &mut [Dependency], values: &Map, path: &str) {
    for dependency in dependencies {
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            if let Some(Value::Bool(value)) = path_value(values, &format!("{path}{condition}")) {
                dependency.enabled = value;
                break;
            }
        }
    }
}
