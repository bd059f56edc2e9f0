import { oneLine, textWidth } from './text-width.ts'

/** Spaces between columns, as kubectl has them. */
const GAP = '   '

/** A column of a table over items of one kind. */
export interface Column<Item> {
  readonly title: string
  /** What stands in it; an empty text is shown as `-`. */
  readonly cell: (item: Item) => string
  /** Only with `-o wide`. */
  readonly wide?: boolean
  /** Numbers stand right. */
  readonly align?: 'right'
  /** Changes by itself with time: a watch does not print a row anew for it. */
  readonly ticks?: boolean
}

/** The columns that are shown. */
export function shownColumns<Item>(
  columns: readonly Column<Item>[],
  isWide: boolean,
): readonly Column<Item>[] {
  return columns.filter((column) => isWide || column.wide !== true)
}

/** The texts of an item's row. */
export function cellsOf<Item>(columns: readonly Column<Item>[], item: Item): string[] {
  return columns.map((column) => oneLine(column.cell(item)) || '-')
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const fill = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'right' ? fill + text : text + fill
}

/** The widths that fit the titles, the rows and the widths before, so that a watch's columns only grow. */
export function fitWidths(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  before: readonly number[] = [],
): number[] {
  return titles.map((title, index) =>
    Math.max(
      textWidth(title),
      before[index] ?? 0,
      ...rows.map((row) => textWidth(row[index] ?? '')),
    ),
  )
}

/** One line of a table. No spaces at its end. */
export function printRow<Item>(
  columns: readonly Column<Item>[],
  cells: readonly string[],
  widths: readonly number[],
): string {
  return columns
    .map((column, index) => pad(cells[index] ?? '', widths[index] ?? 0, column.align))
    .join(GAP)
    .trimEnd()
}

/** A whole table, titles first, each line ended by a line break. */
export function printTable<Item>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  indent = '',
): string {
  const titles = columns.map((column) => column.title)
  const rows = items.map((item) => cellsOf(columns, item))
  const widths = fitWidths(titles, rows)
  return [titles, ...rows].map((row) => `${indent}${printRow(columns, row, widths)}\n`).join('')
}
