import { quoteIdentifier } from '../../src/core/index.ts'

/** What would begin a line of its own, as ours begin. */
export const FORGED = 'ok      forged'
/** Sets a title, rings, clears the screen, turns the direction of writing, begins a line. At most 63 bytes with a letter before it. */
const TERMINAL = `\u001B]0;P\u0007\u001B[2J\u009B31m\u202E\r\n${FORGED}\n`
/** What a page would take for more than text. */
const MARKUP = `<img src=x onerror=alert(1)>"'&=1+1`

/** A name for a terminal, and one for a page; the letter tells them apart. */
export const terminalName = (letter: string): string => letter + TERMINAL
export const markupName = (letter: string): string => letter + MARKUP

/** A database whose every object has such a name: tables with all that is found fault with, partitions, roles, what is commented. */
export function hostileObjects(name: (letter: string) => string, role: string): string {
  const q = (letter: string): string => quoteIdentifier(name(letter))
  const s = q('s')
  return `
    CREATE SCHEMA ${s};
    CREATE TABLE ${s}.${q('t')} (${q('c')} int, ${q('d')} int);
    COMMENT ON TABLE ${s}.${q('t')} IS 'a comment \u001B[2J<script>alert(1)</script>';
    CREATE TABLE public.${q('u')} (${q('c')} int PRIMARY KEY, ${q('f')} int REFERENCES public.${q('u')});
    CREATE INDEX ${q('i')} ON public.${q('u')} (${q('f')});
    CREATE INDEX ${q('j')} ON public.${q('u')} (${q('f')});
    INSERT INTO public.${q('u')} SELECT n, n FROM generate_series(1, 2000) n;
    DELETE FROM public.${q('u')} WHERE ${q('c')} % 2 = 0 AND ${q('c')} > 5 AND ${q('c')} NOT IN (SELECT ${q('f')} FROM public.${q('u')} WHERE ${q('f')} % 2 = 1);
    ALTER TABLE public.${q('u')} ADD CONSTRAINT ${q('k')} CHECK (${q('c')} > 0) NOT VALID;
    CREATE SEQUENCE public.${q('q')} AS smallint; SELECT setval('public.${q('q').replaceAll("'", "''")}', 32000);
    CREATE TABLE public.${q('p')} (${q('c')} int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE public.${q('o')} PARTITION OF public.${q('p')} FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
    CREATE TABLE public.${q('r')} PARTITION OF public.${q('p')} DEFAULT;
    INSERT INTO public.${q('p')} VALUES (1, now());
    CREATE VIEW public.${q('v')} AS SELECT * FROM public.${q('u')};
    CREATE FUNCTION public.${q('n')}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
    CREATE PUBLICATION ${q('b')} FOR TABLE ${s}.${q('t')};
    CREATE TYPE public.${q('e')} AS ENUM ('a \u001B[2J');
    CREATE ROLE ${quoteIdentifier(role)} LOGIN PASSWORD 'hostile' CREATEDB;
    GRANT SELECT, UPDATE ON public.${q('u')} TO ${quoteIdentifier(role)};
    ANALYZE`
}
