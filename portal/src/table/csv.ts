// Lists as CSV (RFC 4180), as spreadsheets read it.
import { listPage, type ListParams } from '@/api/client';
import { fields, type Kind, type Objects } from '@/api/gen/fields';
import { textOf, valueOf } from '@/components/FieldValue';

const MOST = 1_000;

/** A cell. What a spreadsheet would take for a formula is marked as text: names come from the platforms' users. */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function csvRows<K extends Kind>(kind: K, rows: readonly Objects[K][], columns: readonly string[]): string {
  const known = columns.flatMap((name) => fields[kind].find((field) => field.name === name) ?? []);
  return rows.map((row) => known.map((field) => csvCell(textOf(valueOf(row, field)))).join(',') + '\r\n').join('');
}

export function csvHead(kind: Kind, columns: readonly string[]): string {
  return columns.filter((name) => fields[kind].some((field) => field.name === name)).map(csvCell).join(',') + '\r\n';
}

/** Reads everything that matches, page by page, and gives it as one file. */
export async function exportList<K extends Kind>(
  kind: K, params: ListParams, columns: readonly string[], onProgress: (count: number) => void,
): Promise<{ blob: Blob; count: number }> {
  // The mark tells spreadsheets that it is UTF-8.
  const parts = ['\ufeff', csvHead(kind, columns)];
  let token: string | undefined;
  let count = 0;
  do {
    const page = await listPage(kind, params, { limit: MOST, page_token: token });
    parts.push(csvRows(kind, page.items, columns));
    count += page.items.length;
    token = page.next_page_token ?? undefined;
    onProgress(count);
  } while (token);
  return { blob: new Blob(parts, { type: 'text/csv;charset=utf-8' }), count };
}

/** Lets the browser keep a file. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
