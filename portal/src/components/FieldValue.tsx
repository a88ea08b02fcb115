// Shows a field of an object by what the API says of the field: one way for each type, everywhere.
import { useTranslation } from 'react-i18next';
import type { TFunction } from 'i18next';
import { fields, type Field, type Kind, type Objects, type Word } from '@/api/gen/fields';
import { isKind } from '@/api/names';
import { formatQuantity } from '@/format/format';
import { Age } from './Age';
import { ProjectName, TenantName } from '@/access/Names';
import { CopyText } from './CopyText';
import { ObjectLink, ProviderName } from './ObjectLink';
import { isState, StateLabel } from './StateLabel';

export function fieldOf(kind: Kind, name: string): Field | undefined {
  return fields[kind].find((field) => field.name === name);
}

/** The value of a field. Lists of pairs (a datastore's hosts, a volume's VMs) are told by the halves that are ids. */
export function valueOf(object: Objects[Kind], field: Field): unknown {
  const members = object as unknown as Record<string, unknown>;
  if (field.type === 'id' && field.kind) {
    const pairs = members[field.name] ?? members.attachments;
    if (Array.isArray(pairs) && typeof pairs[0] === 'object') {
      const key = field.kind === 'host' ? 'host_id' : 'vm_id';
      return pairs.map((pair: Record<string, unknown>) => pair[key]).filter(Boolean);
    }
  }
  return members[field.name];
}

/** The value as plain text: for the clipboard, CSV and comparing. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).join(' ');
  if (typeof value === 'object') return Object.entries(value).map(([name, part]) => `${name}=${textOf(part)}`).join(' ');
  return String(value);
}

/** What people take elsewhere: to a terminal, to another program. */
const TAKEN = /^(ip_addresses|mac_addresses|mac_address|addresses|guest_hostname)$/;

function Single({ value, field, kind, object, copies }: { value: unknown; field: Field; kind: Kind; object: Objects[Kind]; copies?: boolean }) {
  const { t } = useTranslation();
  switch (field.type) {
    case 'integer':
      return <>{formatQuantity(field.name, Number(value))}</>;
    case 'boolean':
      return <>{value ? t('common.yes') : t('common.no')}</>;
    case 'time':
      return <Age time={String(value)} />;
    case 'word': {
      const word = String(value) as Word;
      const last = (object as unknown as Record<string, Word | undefined>)[`last_known_${field.name}`];
      return isState(word) ? <StateLabel state={word} lastKnown={last} /> : <>{wordLabel(t, word)}</>;
    }
    case 'id':
      if (field.kind === 'provider') return <ProviderName id={String(value)} />;
      if (field.kind === 'project') return <ProjectName id={String(value)} />;
      if (field.kind === 'tenant') return <TenantName id={String(value)} />;
      if (isKind(field.kind)) return <ObjectLink kind={field.kind} id={String(value)} />;
      return <CopyText text={String(value)} label={t(`fields.${field.name}`)} />;
    case 'text':
      if (/(^|_)uuid$/.test(field.name) || (copies && TAKEN.test(field.name))) return <CopyText text={String(value)} label={t(`fields.${field.name}`)} />;
      if (field.name === 'name') return <ObjectLink kind={kind} id={object.id} name={String(value)} />;
      return <span className="sp-truncate" title={textOf(value)}>{textOf(value)}</span>;
  }
}

export function wordLabel(t: TFunction, word: Word): string {
  return t(`words.${word}`, { defaultValue: word });
}

interface Props {
  kind: Kind;
  object: Objects[Kind];
  field: Field;
  /** How many of several values are shown; the others are counted. */
  most?: number;
  /** Whether addresses have a button that copies them: where one object is shown. */
  copies?: boolean;
}

export function FieldValue({ kind, object, field, most = Infinity, copies }: Props) {
  const { t } = useTranslation();
  const value = valueOf(object, field);
  if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
    return <span className="sp-muted">{t('common.none')}</span>;
  }
  if (field.name === 'attributes') return <span className="sp-truncate" title={textOf(value)}>{textOf(value)}</span>;
  if (!Array.isArray(value)) return <Single value={value} field={field} kind={kind} object={object} copies={copies} />;
  const shown = value.slice(0, most);
  return (
    <span className="sp-several">
      {shown.map((one) => (
        <span key={textOf(one)} className="sp-several__one">
          <Single value={one} field={field} kind={kind} object={object} copies={copies} />
        </span>
      ))}
      {value.length > shown.length && <span className="sp-muted sp-small">{t('common.more', { count: value.length - shown.length })}</span>}
    </span>
  );
}
