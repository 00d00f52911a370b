import { HoldfastError } from '../../core/index.ts'

export function nothingToImport(tool: string, directory: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_NOTHING',
    message: `There are no migrations of ${tool} in ${directory}. Name their folder with --from; nothing was changed.`,
    details: { directory },
  })
}

export function oldFileUnreadable(path: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_UNREADABLE',
    message: `${path}: ${why}. Nothing was changed.`,
    details: { path },
  })
}

export function oldTableMissing(tool: string, table: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_TABLE',
    message:
      `This database has no table ${table}, in which ${tool} remembers what ran. Is it the right database? A table of another ` +
      'name is given with --table schema.name; nothing was changed.',
    details: { table },
  })
}

export function oldMigrationUnknown(
  tool: string,
  names: readonly string[],
  directory: string,
): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_UNKNOWN',
    message:
      `${tool} ran ${names.slice(0, 5).join(', ')} on this database, and ${directory} does not hold ${names.length === 1 ? 'it' : 'them'}. ` +
      'Bring the folder up to date, or, where they are gone for good, leave them out: --ignore-missing. Nothing was changed.',
    details: { names: names.slice(0, 100) },
  })
}

export function oldMigrationUnfinished(tool: string, names: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_UNFINISHED',
    message: `${tool} began ${names.join(', ')} and did not finish. Settle that with ${tool} first; nothing was changed.`,
    details: { names },
  })
}

export function oldMigrationsPending(tool: string, names: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_PENDING',
    message:
      `${names.slice(0, 5).join(', ')} ${names.length === 1 ? 'has' : 'have'} not run on this database, and only ${tool} can run ` +
      `${names.length === 1 ? 'it' : 'them'}: they are programs. Run them with ${tool} first, then come back; nothing was changed.`,
    details: { names: names.slice(0, 100) },
  })
}

export function folderHoldsOthers(directory: string, id: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_FOLDER',
    message:
      `${directory} holds ${id}, which is neither one of these migrations nor later than all of them. Import into an empty ` +
      'folder, or into the one that an import has written; nothing was changed.',
    details: { directory, id },
  })
}

export function importedElsewhere(baseline: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_IMPORT_FOLDER',
    message:
      `This history was imported already, into ${baseline}, which is not in this folder. Take it from the working copy that ` +
      'wrote it (it belongs into the repository); nothing was changed.',
    details: { id: baseline },
  })
}
