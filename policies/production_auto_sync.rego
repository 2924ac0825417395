# METADATA
# title: production is synced automatically
# description: |
#   Reports an Application that deploys to production with automated sync.
#
#   ## Why it matters
#   A push reaches production with nobody deciding that it should, and Argo CD refuses to roll an Application back
#   while its automated sync is on.
#
#   ## Example
#   ```yaml
#   source: {path: services/web/overlays/production}
#   syncPolicy:
#     automated: {prune: true, selfHeal: true}
#   ```
#
#   ## Instead
#   Leave `automated` out, and sync production by hand or by `tiphys sync`. What counts as production is set in
#   `tiphys.yaml` under `environments`.
# custom:
#   id: production-auto-sync
#   severity: error
#   profile: seed
#   input: application
package tiphys.production_auto_sync

import rego.v1

deny contains {
	"msg": "deploys to production with automated sync; production is synced by hand",
	"pointer": "/spec/syncPolicy/automated",
	"help": "remove `automated`",
} if {
	input.context.production
	automated := input.application.spec.syncPolicy.automated
	is_object(automated)
	object.get(automated, "enabled", true) == true
}
