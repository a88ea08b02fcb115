import {
  Masthead, MastheadBrand, MastheadContent, MastheadLogo, MastheadMain, MastheadToggle, Page, PageSidebar, PageSidebarBody,
  PageToggleButton, SkipToContent, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem,
} from '@patternfly/react-core';
import BarsIcon from '@patternfly/react-icons/dist/esm/icons/bars-icon';
import { Suspense, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Outlet, useLocation, useNavigation } from 'react-router';
import { Loading } from '@/components/Loading';
import { FirstRunOffer } from '@/firstrun/FirstRunOffer';
import { ConnectionBanner } from './ConnectionBanner';
import { LiveMark } from './LiveMark';
import { Mark } from './Mark';
import { Navigation } from './Navigation';
import { Preferences } from './Preferences';
import { ProjectSwitcher } from './ProjectSwitcher';
import { SearchBox } from './SearchBox';
import { UserMenu } from './UserMenu';
import { useKeptPlace } from './useKeptPlace';
import { useLiveStream } from './useLive';

const CONTENT = 'content';

/** What is around every page: the masthead, the navigation, and the word about the connection. */
export function Layout() {
  const { t } = useTranslation();
  useLiveStream();
  const page = usePage();
  useFocusOnNewPage(page);
  useKeptPlace(() => document.getElementById(CONTENT), page);
  const masthead = (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label={t('shell.toggleNavigation')}>
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props) => <Link {...props} to="/" aria-label={`${t('common.product')}: ${t('shell.overview')}`} />}>
            <span className="sp-brand">
              <Mark />
              <span className="sp-brand__name">{t('common.product')}</span>
            </span>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic ouiaId="masthead">
          <ToolbarContent>
            <ToolbarItem className="sp-masthead__search">
              <SearchBox />
            </ToolbarItem>
            <ToolbarGroup variant="action-group-plain" align={{ default: 'alignEnd' }} gap={{ default: 'gapNone', md: 'gapSm' }}>
              <ToolbarItem>
                <ProjectSwitcher />
              </ToolbarItem>
              <ToolbarItem visibility={{ default: 'hidden', lg: 'visible' }}>
                <LiveMark />
              </ToolbarItem>
              <ToolbarItem>
                <Preferences />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
  const sidebar = (
    <PageSidebar>
      <PageSidebarBody>
        <Navigation />
      </PageSidebarBody>
    </PageSidebar>
  );
  return (
    <Page
      masthead={masthead} sidebar={sidebar} isManagedSidebar isContentFilled mainContainerId={CONTENT} mainTabIndex={-1}
      skipToContent={<SkipToContent href={`#${CONTENT}`}>{t('shell.skip')}</SkipToContent>}
    >
      <ConnectionBanner />
      <FirstRunOffer />
      <Progress />
      <Suspense fallback={<Loading />}>
        <Outlet />
      </Suspense>
    </Page>
  );
}

/** A thin line while the next page loads. */
function Progress() {
  const { state } = useNavigation();
  return state === 'idle' ? null : <div className="sp-progress" aria-hidden="true" />;
}

/** The page that an address is of: a change of the query is no new page, nor is the next tab of an object or the next of the first steps. */
function usePage(): string {
  const { pathname } = useLocation();
  return pathname.split('/').slice(0, pathname.startsWith('/first-run/') ? 2 : 3).join('/');
}

/** A reader of screens begins at the top of each new page, as with pages of old. */
function useFocusOnNewPage(page: string): void {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    const content = document.getElementById(CONTENT);
    // Its head is read out; of a page that still loads there is only the place.
    const head = content?.querySelector('h1');
    if (head) head.tabIndex = -1;
    (head ?? content)?.focus({ preventScroll: true });
  }, [page]);
}
