import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, api, ask, keepCsrf, type Schemas } from './api/client.ts';

export type Who = Schemas['WhoAmI'];

/** Who is logged in; null: nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async (): Promise<Who | null> => {
    try {
      const who = await ask(api.GET('/api/v1/session'));
      keepCsrf(who.csrf);
      return who;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

export function useWho(): Who | null | undefined {
  return useQuery(sessionQuery).data;
}

/** Everything that was asked so far was asked as somebody else. */
export function useForgetAll(): () => void {
  const client = useQueryClient();
  return () => {
    client.clear();
    keepCsrf(undefined);
  };
}

/** Operators and auditors of the whole installation. */
export function mayOperate(who: Who): boolean {
  return who.grants.some(
    ({ role, organisation }) => organisation === undefined && (role === 'operator' || role === 'auditor'),
  );
}
