// One box over everything: objects by name, address, MAC or id, and the places of the portal. Ctrl-K or / opens it.
import { ModalBody, ModalVariant, SearchInput } from '@patternfly/react-core';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useId, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, data } from '@/api/client';
import { paths } from '@/api/gen/fields';
import { isKind, useProviderName } from '@/api/names';
import { sessionQuery } from '@/api/queries';
import { Dialog } from '@/components/Dialog';
import { kindIcons } from '@/nouns/icons';
import { placesFor } from './places';
import { useCommands } from './useCommands';

const SHOWN = 12;
const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);

export function SearchBox() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest('input, textarea, select, [contenteditable]');
      if ((event.key === 'k' && (event.ctrlKey || event.metaKey)) || (event.key === '/' && !typing)) {
        event.preventDefault();
        setOpen(true);
      }
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
  return (
    <>
      <button type="button" className="sp-search" onClick={() => setOpen(true)} aria-label={t('shell.search')} aria-keyshortcuts="Control+K">
        <SearchIcon />
        <span className="sp-search__hint">{t('shell.searchHint', { key: mac ? '⌘K' : 'Ctrl K' })}</span>
      </button>
      {open && <SearchDialog onClose={() => setOpen(false)} />}
    </>
  );
}

interface Entry {
  key: string;
  /** Where it is; else what it does. */
  path?: string;
  run?: () => void;
  label: string;
  icon: React.ComponentType;
  note?: string;
  providerId?: string;
}

function useEntries(query: string): { found: Entry[]; commands: Entry[]; truncated: boolean; settled: boolean } {
  const { t } = useTranslation();
  const asked = useDeferredValue(query.trim());
  const acts = useCommands();
  const { data: answer, isFetching } = useQuery({
    queryKey: ['search', asked],
    queryFn: ({ signal }) => data(api.GET('/v1/search', { params: { query: { q: asked, limit: SHOWN } }, signal })),
    enabled: asked.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
  const words = asked.toLowerCase().split(/\s+/);
  const { data: session } = useQuery(sessionQuery);
  const goTo = placesFor(session?.permissions ?? []).map((place) => ({ key: place.id, path: place.path, label: t('search.goTo', { place: place.label(t) }), icon: place.icon }));
  const commands = [...goTo, ...acts].filter(({ label }) => words.every((word) => label.toLowerCase().includes(word))).slice(0, asked === '' ? 60 : 8);
  const found = (asked ? (answer?.items ?? []) : []).flatMap((hit): Entry[] =>
    isKind(hit.kind)
      ? [{ key: hit.id, path: `/${paths[hit.kind]}/${hit.id}`, label: hit.name, icon: kindIcons[hit.kind], note: t(`kinds.${hit.kind}.one`), providerId: hit.provider_id }]
      : [],
  );
  return { found, commands, truncated: Boolean(asked && answer?.truncated), settled: !isFetching && asked === query.trim() };
}

function SearchDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const id = useId();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const { found, commands, truncated, settled } = useEntries(query);
  const all = [...found, ...commands];
  const chosen = Math.min(at, all.length - 1);

  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    if (entry.path) void navigate(entry.path);
    else entry.run?.();
  };
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + all.length) % Math.max(1, all.length));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(all[chosen]);
    }
  };
  const option = (entry: Entry, index: number) => (
    <Option key={entry.key} id={`${id}-${index}`} entry={entry} selected={index === chosen} onChoose={() => go(entry)} onPoint={() => setAt(index)} />
  );
  return (
    <Dialog variant={ModalVariant.medium} position="top" aria-label={t('search.title')} onClose={onClose} className="sp-palette" elementToFocus=".sp-palette input">
      <ModalBody>
        <SearchInput
          value={query} onChange={(_, value) => { setQuery(value); setAt(0); }} onClear={() => setQuery('')} onKeyDown={press}
          placeholder={t('search.placeholder')} aria-label={t('search.placeholder')} autoFocus role="combobox" resetButtonLabel={t('list.clearSearch')}
          aria-expanded={all.length > 0} aria-controls={`${id}-list`} aria-activedescendant={all.length ? `${id}-${chosen}` : undefined}
        />
        <div id={`${id}-list`} role="listbox" aria-label={t('search.title')} className="sp-palette__list">
          {found.length > 0 && (
            <div role="group" aria-label={t('search.results')}>
              <div className="sp-palette__title" aria-hidden="true">{t('search.results')}</div>
              {found.map((entry, index) => option(entry, index))}
            </div>
          )}
          {commands.length > 0 && (
            <div role="group" aria-label={t('search.commands')}>
              <div className="sp-palette__title" aria-hidden="true">{t('search.commands')}</div>
              {commands.map((entry, index) => option(entry, found.length + index))}
            </div>
          )}
        </div>
        <p className="sp-palette__foot sp-muted sp-small" role="status">
          {truncated ? t('search.truncated') : query && settled && found.length === 0 ? t('search.nothing', { query: query.trim() }) : t('search.hint')}
        </p>
      </ModalBody>
    </Dialog>
  );
}

function Option(props: { id: string; entry: Entry; selected: boolean; onChoose: () => void; onPoint: () => void }) {
  const { id, entry, selected, onChoose, onPoint } = props;
  const provider = useProviderName(entry.providerId);
  useEffect(() => {
    if (selected) document.getElementById(id)?.scrollIntoView({ block: 'nearest' });
  }, [selected, id]);
  return (
    <div id={id} role="option" aria-selected={selected} className={`sp-palette__option ${selected ? 'sp-palette__option--on' : ''}`} onClick={onChoose} onMouseMove={onPoint}>
      <entry.icon />
      <span className="sp-palette__label">{entry.label}</span>
      <span className="sp-muted sp-small">{[entry.note, provider].filter(Boolean).join(' · ')}</span>
    </div>
  );
}
