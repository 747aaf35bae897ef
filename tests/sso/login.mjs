// The company's login as the tests have it: the real oidc-provider of npm with three people in it.
//
//   node tests/sso/login.mjs FOLDER_OF_NODE_MODULES ISSUER CLIENT_ID CLIENT_SECRET REDIRECT_URI
//
// Its own pages ask for a name; any password will do. Who is in which group is written below.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, issuer, id, secret, back] = process.argv.slice(2);
const found = createRequire(`${modules}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found));

const people = { ana: ['agronomia'], raul: ['admins', 'agronomia'], vera: ['ventas'] };
const provider = new Provider(issuer, {
  clients: [{ client_id: id, client_secret: secret, redirect_uris: [back] }],
  claims: { openid: ['sub', 'email', 'groups', 'name'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['only', 'a', 'test'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, sub) => sub in people && {
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@empresa.example`, groups: people[sub], name: `Señora ${sub}` }),
  },
  // nobody is asked whether the company's pages may know who they are
  loadExistingGrant: async ({ oidc }) => {
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
provider.listen(Number(new URL(issuer).port), '127.0.0.1', () => console.log('listening'));
