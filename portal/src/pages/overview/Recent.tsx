// What happens, as the change stream tells it in this tab.
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import type { Field, Kind, Objects, Word } from '@/api/gen/fields';
import { Age } from '@/components/Age';
import { FieldValue, fieldOf } from '@/components/FieldValue';
import { ObjectLink } from '@/components/ObjectLink';
import { recentChanges, type Change } from '@/live/recent';
import { nounOf } from '@/nouns';
import { kindIcons } from '@/nouns/icons';

const SHOWN = 12;
/** Fields that are told of a change. */
const TOLD = 2;

export function Recent() {
  const { t } = useTranslation();
  const changes = useSyncExternalStore(recentChanges.subscribe, recentChanges.snapshot);
  if (changes.length === 0) return <p className="sp-muted">{t('overview.noChanges')}</p>;
  return (
    <ol className="sp-recent">
      {changes.slice(0, SHOWN).map((change) => (
        <One key={change.number} change={change} />
      ))}
    </ol>
  );
}

function One({ change }: { change: Change }) {
  const { t } = useTranslation();
  const { kind, id, what, object, at } = change;
  const Icon = kindIcons[kind];
  const { name, vm_id: vm } = (object ?? {}) as { name?: string; vm_id?: string | null };
  return (
    <li className="sp-recent__one">
      <span className="sp-recent__icon sp-muted" title={t(`kinds.${kind}.one`)} aria-hidden="true">
        <Icon />
      </span>
      <span className="sp-recent__what">
        {what === 'gone' ? <span className="sp-truncate">{name ?? t(`kinds.${kind}.one`)}</span> : <ObjectLink kind={kind} id={id} name={name ?? id} />}
        <span className="sp-recent__how sp-small">
          {vm && <ObjectLink kind="vm" id={vm} />}
          {what === 'changed' && object ? <Differs change={change} object={object} /> : t(`overview.${what}`, { kind: t(`kinds.${kind}.one`) })}
        </span>
      </span>
      <span className="sp-muted sp-small sp-recent__age"><Age time={new Date(at).toISOString()} /></span>
    </li>
  );
}

function Differs({ change, object }: { change: Change; object: Objects[Kind] }) {
  const { t } = useTranslation();
  const state = nounOf(change.kind).state as string | undefined;
  const known = change.fields.length > 0;
  const own = state ? fieldOf(change.kind, state) : undefined;
  const shown: readonly Field[] = known ? [...change.fields].sort((a, b) => Number(b.name === state) - Number(a.name === state)).slice(0, TOLD) : own ? [own] : [];
  const stateless = !known && !(object as unknown as Record<string, Word | undefined>)[state ?? ''];
  if (stateless) return <>{t('overview.changed', { kind: t(`kinds.${change.kind}.one`) })}</>;
  return (
    <>
      {shown.map((field) => (
        <span key={field.name} className="sp-recent__field">
          <span className="sp-muted">{t(`fields.${field.name}`)}</span> <FieldValue kind={change.kind} object={object} field={field} most={1} />
        </span>
      ))}
      {change.fields.length > TOLD && <span className="sp-muted">{t('common.more', { count: change.fields.length - TOLD })}</span>}
    </>
  );
}
