import { Button, Dropdown, DropdownItem, DropdownList, MenuToggle, SearchInput, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from '@patternfly/react-core';
import ColumnsIcon from '@patternfly/react-icons/dist/esm/icons/columns-icon';
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon';
import ExportIcon from '@patternfly/react-icons/dist/esm/icons/export-icon';
import FilterIcon from '@patternfly/react-icons/dist/esm/icons/filter-icon';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ListParams } from '@/api/client';
import { paths, type Kind, type Objects } from '@/api/gen/fields';
import { copyText } from '@/components/CopyText';
import { problemTitle } from '@/components/Problem';
import { formatNumber } from '@/format/format';
import { useToast } from '@/shell/Toasts';
import type { View } from './address';
import type { Column } from './columns';
import { csvHead, csvRows, exportList, saveFile } from './csv';
import { ViewsMenu } from './ViewsMenu';

interface Props<K extends Kind> {
  kind: K;
  view: View;
  setView: (change: Partial<View>, replace?: boolean) => void;
  params: ListParams;
  columns: readonly Column<K>[];
  count: number | undefined;
  selected: readonly Objects[K][];
  onFilter: () => void;
  onColumns: () => void;
  onClearSelection: () => void;
}

/** Typing is not asked letter by letter. */
const PAUSE_MS = 200;

export function ListToolbar<K extends Kind>(props: Props<K>) {
  const { kind, view, setView, count, selected, onFilter, onColumns, onClearSelection } = props;
  const { t } = useTranslation();
  const [typed, setTyped] = useState(view.q);
  const [before, setBefore] = useState(view.q);
  // The address changed by itself (back, a link): it is right.
  if (before !== view.q) {
    setBefore(view.q);
    setTyped(view.q);
  }
  useEffect(() => {
    if (typed === view.q) return;
    const timer = setTimeout(() => setView({ q: typed }, true), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, view.q, setView]);
  return (
    <Toolbar className="sp-toolbar" inset={{ default: 'insetNone' }}>
      <ToolbarContent>
        <ToolbarItem className="sp-toolbar__search">
          <SearchInput
            value={typed} placeholder={t('list.search')} aria-label={`${t('list.search')}: ${t(`kinds.${kind}.many`)}`}
            onChange={(_, text) => setTyped(text)} onClear={() => setTyped('')} resetButtonLabel={t('list.clearSearch')}
          />
        </ToolbarItem>
        <ToolbarItem>
          <Button variant="control" icon={<FilterIcon />} onClick={onFilter}>
            {t('list.addFilter')}
          </Button>
        </ToolbarItem>
        <ToolbarItem>
          <ViewsMenu kind={kind} view={view} />
        </ToolbarItem>
        {selected.length > 0 && (
          <ToolbarGroup>
            <ToolbarItem alignSelf="center">
              <strong>{t('list.selected', { count: selected.length })}</strong>
            </ToolbarItem>
            <ToolbarItem>
              <Button variant="link" isInline onClick={onClearSelection}>
                {t('list.clearSelection')}
              </Button>
            </ToolbarItem>
          </ToolbarGroup>
        )}
        <ToolbarGroup align={{ default: 'alignEnd' }} gap={{ default: 'gapSm' }}>
          <ToolbarItem alignSelf="center" className="sp-toolbar__count" role="status">
            {count === undefined ? '' : t('list.count', { count })}
          </ToolbarItem>
          <ToolbarItem>
            <Button variant="plain" icon={<ColumnsIcon />} aria-label={t('list.columns')} title={t('list.columns')} onClick={onColumns} />
          </ToolbarItem>
          <ToolbarItem>
            <ListActions {...props} />
          </ToolbarItem>
        </ToolbarGroup>
      </ToolbarContent>
    </Toolbar>
  );
}

function ListActions<K extends Kind>({ kind, params, columns, selected }: Props<K>) {
  const { t } = useTranslation();
  const toast = useToast();
  const [open, setOpen] = useState(false);
  const ids = ['id', ...columns.map((column) => column.id).filter((id) => id !== 'id')];
  const file = `${paths[kind]}.csv`;
  // What cannot be done now says why.
  const first = selected.length === 0 ? t('list.selectFirst') : undefined;
  const everything = async () => {
    const key = `export ${kind}`;
    try {
      const { blob, count } = await exportList(kind, params, ids, (done) =>
        toast({ key, variant: 'info', title: t('list.exporting', { count: done }) }),
      );
      saveFile(blob, file);
      toast({ key, title: t('list.exported', { count }) });
    } catch (error) {
      toast({ key, variant: 'danger', title: t('list.exportFailed'), body: problemTitle(t, error) });
    }
  };
  const some = () => {
    saveFile(new Blob(['\ufeff', csvHead(kind, ids), csvRows(kind, selected, ids)], { type: 'text/csv;charset=utf-8' }), file);
    toast({ title: t('list.exported', { count: selected.length }) });
  };
  const copy = () => {
    void copyText(selected.map((row) => row.id).join('\n')).then(() => toast({ title: `${t('common.copied')}: ${formatNumber(selected.length)}` }));
  };
  return (
    <Dropdown
      isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }} shouldFocusFirstItemOnOpen
      toggle={(toggle) => (
        <MenuToggle innerRef={toggle} variant="plain" isExpanded={open} onClick={() => setOpen(!open)} aria-label={t('list.moreActions')} icon={<EllipsisVIcon />} />
      )}
    >
      <DropdownList>
        <DropdownItem icon={<ExportIcon />} onClick={() => void everything()}>
          {t('list.export')}
        </DropdownItem>
        <DropdownItem isDisabled={selected.length === 0} description={first} onClick={some}>
          {t('list.exportSelected')}
        </DropdownItem>
        <DropdownItem isDisabled={selected.length === 0} description={first} onClick={copy}>
          {t('list.copyIds')}
        </DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
