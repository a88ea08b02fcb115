// Units to enter quantities in. The API takes whole numbers in the unit that the field's name ends with.

interface Scale {
  unit: string;
  by: number;
}

const K = 1024;
const BYTES: Scale[] = [{ unit: 'MiB', by: K ** 2 }, { unit: 'GiB', by: K ** 3 }, { unit: 'TiB', by: K ** 4 }];
const MIB: Scale[] = [{ unit: 'MiB', by: 1 }, { unit: 'GiB', by: K }, { unit: 'TiB', by: K ** 2 }];
const MHZ: Scale[] = [{ unit: 'MHz', by: 1 }, { unit: 'GHz', by: 1000 }];

export function scalesOf(field: string): readonly Scale[] | undefined {
  if (field.endsWith('_bytes')) return BYTES;
  if (field.endsWith('_mib')) return MIB;
  if (field.endsWith('_mhz')) return MHZ;
  return undefined;
}

/** The number and the unit in which a value reads best. */
export function splitScale(field: string, value: string): { number: string; scale: number } {
  const scales = scalesOf(field);
  if (!scales) return { number: value, scale: 1 };
  if (value === '') return { number: '', scale: (scales[1] ?? scales[0])!.by };
  const best = [...scales].reverse().find((scale) => Number(value) % scale.by === 0) ?? scales[0]!;
  return { number: String(Number(value) / best.by), scale: best.by };
}
