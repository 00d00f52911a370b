import type { ConversionPlan } from './plan.ts'
import { obstacles } from './plan.ts'
import type { Conversion } from './records.ts'

/** A plan as the command line and the API print it. */
export function planAsJson(plan: ConversionPlan) {
  return {
    table: plan.table,
    column: plan.column,
    every: plan.every,
    mode: plan.kind === 'split' || plan.thenSplit ? ('split' as const) : ('attach' as const),
    cutoff: plan.cutoff,
    old_table: plan.legacy,
    partitions: plan.partitions.map(({ name, from, to }) => ({ name, from, to })),
    premake: plan.policy.premake,
    keep: plan.policy.keep,
    retention: plan.policy.retention,
    rows: plan.rows,
    bytes: plan.bytes,
    findings: plan.findings.map(({ id, level, words, way }) => ({ id, level, words, way })),
    accepted: [...plan.accepted],
    in_the_way: obstacles(plan).map(({ id }) => id),
    steps: stepsAsJson(plan.steps),
    then_split: plan.splitting
      ? {
          partitions: plan.splitting.partitions.map(({ name, from, to }) => ({ name, from, to })),
          steps: stepsAsJson(plan.splitting.steps),
        }
      : null,
    plan: plan.hash,
  }
}

const stepsAsJson = (steps: ConversionPlan['steps']) =>
  steps.map(({ name, words, lock }) => ({ name: name as string, words, lock }))

/** A conversion as the command line and the API print it. */
export function conversionAsJson(conversion: Conversion) {
  const { plan } = conversion
  return {
    id: conversion.id,
    table: conversion.table,
    kind: conversion.kind,
    state: conversion.state,
    step: conversion.step as string | null,
    step_done: conversion.stepDone,
    step_number: plan.steps.findIndex(({ name }) => name === conversion.step) + 1,
    steps: plan.steps.map(({ name, words }) => ({ name: name as string, words })),
    rows_done: conversion.rowsDone,
    rows_estimated: plan.rows,
    column: plan.column,
    every: plan.every,
    old_table: plan.legacy,
    cutoff: plan.cutoff,
    notes: [...conversion.notes],
    error: conversion.error,
    started_at: conversion.startedAt.toISOString(),
    updated_at: conversion.updatedAt.toISOString(),
    finished_at: conversion.finishedAt?.toISOString() ?? null,
    undo_until: conversion.undoUntil?.toISOString() ?? null,
  }
}
