import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import ProjectIcon from '@patternfly/react-icons/dist/esm/icons/folder-open-icon';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { projectLabel } from '@/access/Names';
import { projectsQuery, useMay } from '@/access/queries';
import { chooseProject, useChosenProject } from './project';

/** Every project that is seen, and all of them. It is there when there is one. */
export function ProjectSwitcher() {
  const { t } = useTranslation();
  const { data: projects } = useQuery({ ...projectsQuery, enabled: useMay('project.read') });
  const chosen = useChosenProject();
  const [open, setOpen] = useState(false);
  if (!projects || projects.length === 0) return null;
  const project = projects.find((one) => one.id === chosen);
  const name = project ? projectLabel(project) : t('shell.allProjects');
  return (
    <Dropdown
      isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }} shouldFocusFirstItemOnOpen isScrollable
      toggle={(toggle) => (
        <MenuToggle innerRef={toggle} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)} icon={<ProjectIcon />} aria-label={`${t('shell.project')}: ${name}`}>
          <span className="sp-switcher__name">{name}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem isSelected={!project} aria-current={!project || undefined} onClick={() => chooseProject(undefined)}>
          {t('shell.allProjects')}
        </DropdownItem>
        <Divider component="li" />
        {projects.map((one) => (
          <DropdownItem key={one.id} isSelected={one === project} aria-current={one === project || undefined} onClick={() => chooseProject(one.id)}>
            {projectLabel(one)}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}
