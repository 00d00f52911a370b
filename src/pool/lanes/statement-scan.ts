/** What a glance at a statement's text tells. */
export interface StatementScan {
  /** It is exactly one statement that returns or changes rows, so it can go over the wire as one. */
  readonly isPlain: boolean
  /** It is exactly one statement that begins, ends or marks a transaction. */
  readonly isControl: boolean
  /** Besides, nothing in it is about the session it runs in: it may share a connection with others. */
  readonly mayShare: boolean
  /**
   * It only looks: it locks and changes nothing, calls no function but PostgreSQL's own, and would find the same in another
   * transaction. (What views, policies and operators of the application call is not looked at.)
   */
  readonly isQuiet: boolean
  /** It refers to parameters, `$1`. */
  readonly hasParameters: boolean
}

const PLAIN_KEYWORDS = new Set(['select', 'insert', 'update', 'delete', 'merge', 'with', 'values', 'table'])

const CONTROL_KEYWORDS = new Set(['begin', 'start', 'commit', 'rollback', 'savepoint', 'release'])

/**
 * Functions that leave something behind in the session, read what an earlier statement left there, end sessions,
 * or do nothing but take time.
 */
const SESSION_FUNCTIONS =
  /^(set_config|setseed|currval|lastval|pg_(try_)?advisory_(lock|unlock)\w*|pg_sleep\w*|pg_(terminate|cancel)_backend|pg_export_snapshot|pg_logical_\w+|pg_replication_\w+|lo_\w+|loread|lowrite|dblink\w*|pg_temp)$/

/** What may stand before a parenthesis in a statement that only looks: words of SQL's grammar, types, and functions that leave nothing behind. */
const HARMLESS_CALLS = new Set(
  (
    'all and any array as between by case cast distinct else except exists filter from group grouping having ilike in intersect is join lateral ' +
    'like limit not nulls offset on only or order over partition row rows select some then union using values when where with within ' +
    'bit char character decimal float interval numeric time timestamp timestamptz varchar ' +
    'abs age array_agg array_append array_length array_position array_to_string ascii avg bool_and bool_or btrim cardinality ceil ceiling ' +
    'char_length chr coalesce concat concat_ws count cume_dist date_bin date_part date_trunc decode dense_rank div encode every exp extract ' +
    'first_value floor format generate_series greatest initcap isfinite json_agg json_array_length json_build_array json_build_object ' +
    'json_object_agg jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object ' +
    'jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys jsonb_path_exists ' +
    'jsonb_path_query jsonb_set jsonb_strip_nulls jsonb_to_recordset jsonb_typeof lag last_value lead least left length ln log lower lpad ' +
    'ltrim make_date make_interval max md5 min mod nth_value ntile nullif num_nonnulls num_nulls octet_length overlay percent_rank ' +
    'percentile_cont percentile_disc plainto_tsquery position power rank regexp_match regexp_matches regexp_replace repeat replace reverse ' +
    'right round row_number row_to_json rpad rtrim sha256 sign split_part sqrt starts_with stddev strpos string_agg string_to_array substr ' +
    'substring sum to_char to_date to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector translate trim trunc ts_rank unnest upper ' +
    'variance websearch_to_tsquery width_bucket'
  ).split(' '),
)
const LOOKING_KEYWORDS = new Set(['select', 'values', 'table', 'with'])
/** Locks, rows that are changed, tables that are made, and what is told by the transaction's beginning. */
const LOUD_WORDS =
  /^(for|into|insert|update|delete|merge|current_date|current_time|current_timestamp|localtime|localtimestamp)$/

/** Longer ones are rare, cost time to look at, and are slow to run anyway. */
const LONGEST_TEXT = 50_000

const NOTHING: StatementScan = {
  isPlain: false,
  isControl: false,
  mayShare: false,
  hasParameters: false,
  isQuiet: false,
}

/**
 * White space, comments, strings, quoted and plain names, parameters, single characters. PostgreSQL's own lexical
 * rules (https://www.postgresql.org/docs/18/sql-syntax-lexical.html), as far as finding the end of a statement
 * needs them. Block comments and dollar quotes need counting, and are recognised by their beginning only.
 */
const TOKEN =
  /\s+|--[^\n\r]*|\/\*|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|[^]/y

/**
 * Decides how a statement may be sent. In doubt it says no: then the statement runs as it does with any pool, on
 * a connection of its own.
 */
export function scanStatement(text: string): StatementScan {
  if (text.length > LONGEST_TEXT) return NOTHING
  let keyword: string | undefined
  let mayShare = true
  let hasParameters = false
  let hasEnded = false
  let isLooking = true
  /** The name before, where nothing but white space stood behind it. */
  let name: string | undefined
  TOKEN.lastIndex = 0
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0] as string
    const first = token[0] as string
    if (/\s/.test(first) || token.startsWith('--')) continue
    if (token === '/*' || (first === '$' && token.endsWith('$') && token !== '$')) {
      const end = token === '/*' ? endOfComment(text, at) : endOfQuote(text, TOKEN.lastIndex, token)
      if (end < 0) return NOTHING
      TOKEN.lastIndex = end
      if (token === '/*') continue
    }
    if (hasEnded) return NOTHING // a second statement
    const before = name
    name = undefined
    if (token === '(' && before !== undefined && !HARMLESS_CALLS.has(before)) isLooking = false
    if (token === ';') hasEnded = true
    else if (keyword === undefined) {
      keyword = token.toLowerCase()
      if (!PLAIN_KEYWORDS.has(keyword) && !CONTROL_KEYWORDS.has(keyword)) return NOTHING
      name = keyword
    } else if (first === "'" || first === '"') {
      // A lone quote is the beginning of one that never ends. Whether a backslash escapes is a setting.
      if (token.length === 1 || (first === "'" && token.includes('\\'))) return NOTHING
      if (first === '"' && SESSION_FUNCTIONS.test(token.slice(1, -1))) mayShare = false
      if (first === '"') name = token
    } else if (first === '$') hasParameters ||= !token.endsWith('$')
    else if (/[A-Za-z_\u0080-\uffff]/.test(first)) {
      name = token.toLowerCase()
      if (SESSION_FUNCTIONS.test(name)) mayShare = false
      if (LOUD_WORDS.test(name)) isLooking = false
    }
  }
  const isPlain = keyword !== undefined && PLAIN_KEYWORDS.has(keyword)
  const isControl = keyword !== undefined && !isPlain
  const isQuiet = isPlain && mayShare && isLooking && LOOKING_KEYWORDS.has(keyword as string)
  return { isPlain, isControl, mayShare: isPlain && mayShare, hasParameters, isQuiet }
}

/** Behind a block comment that begins at `at`; they nest. Negative when it never ends. */
function endOfComment(text: string, at: number): number {
  const edge = /\/\*|\*\//g
  edge.lastIndex = at
  let depth = 0
  for (let found = edge.exec(text); found; found = edge.exec(text)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  return -1
}

function endOfQuote(text: string, from: number, quote: string): number {
  const end = text.indexOf(quote, from)
  return end < 0 ? -1 : end + quote.length
}
