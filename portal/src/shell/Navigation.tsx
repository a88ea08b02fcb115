import { Nav, NavGroup, NavItem, NavList } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { NavLink, useLocation } from 'react-router';
import { groups, places } from './places';

/** Where one can go. The places themselves are in places.ts. */
export function Navigation() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const item = (id: string) => {
    const place = places.find((one) => one.id === id);
    if (!place) return null;
    const active = place.path === '/' ? pathname === '/' : pathname === place.path || pathname.startsWith(`${place.path}/`);
    return (
      <NavItem key={id} itemId={id} isActive={active}>
        <NavLink to={place.path} end={place.path === '/'}>
          <span className="pf-v6-c-nav__link-icon" aria-hidden="true">
            <place.icon />
          </span>
          <span className="pf-v6-c-nav__link-text">{place.label(t)}</span>
        </NavLink>
      </NavItem>
    );
  };
  return (
    <Nav aria-label={t('shell.navigation')}>
      {groups.map((group) =>
        group.label ? (
          <NavGroup key={group.id} title={group.label(t)}>
            {group.places.map(item)}
          </NavGroup>
        ) : (
          <NavList key={group.id}>{group.places.map(item)}</NavList>
        ),
      )}
    </Nav>
  );
}
