# METADATA
# title: CRDs may be pruned
# description: |
#   Reports an Application that renders CustomResourceDefinitions and prunes automatically.
#
#   ## Why it matters
#   When a CRD leaves the rendered set, the API server deletes every object of its kind in the cluster with it.
#
#   ## Example
#   ```yaml
#   source: {path: infrastructure/keda}      # with crds.yaml
#   syncPolicy:
#     automated: {prune: true}
#   ```
#
#   ## Instead
#   Annotate the CRDs with `argocd.argoproj.io/sync-options: Prune=false`, or set `prune: false`.
# custom:
#   id: prune-on-crd-application
#   severity: warning
#   profile: seed
#   input: application
package tiphys.prune_on_crd_application

import rego.v1

deny contains {
	"msg": sprintf("prunes automatically and renders CustomResourceDefinitions (%s)", [names[0]]),
	"pointer": "/spec/syncPolicy/automated/prune",
	"help": "annotate the CRDs with argocd.argoproj.io/sync-options: Prune=false, or set `prune: false`",
} if {
	automated := input.application.spec.syncPolicy.automated
	automated.prune == true
	object.get(automated, "enabled", true) == true
	not "Prune=false" in object.get(input.application, ["spec", "syncPolicy", "syncOptions"], [])
	names := sort([object.get(resource, ["metadata", "name"], "?") |
		some resource in input.resources
		resource.kind == "CustomResourceDefinition"
		options := object.get(resource, ["metadata", "annotations", "argocd.argoproj.io/sync-options"], "")
		not "Prune=false" in {trim_space(option) | some option in split(options, ",")}
	])
}
