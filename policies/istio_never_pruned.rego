# METADATA
# title: Istio may be pruned
# description: |
#   Reports an Application that renders Istio and prunes automatically.
#
#   ## Why it matters
#   When a part of the mesh leaves Git by mistake, pruning takes the routes and the sidecar injection of every service
#   with it.
#
#   ## Example
#   ```yaml
#   source: {path: infrastructure/istio}
#   syncPolicy:
#     automated: {prune: true}
#   ```
#
#   ## Instead
#   ```yaml
#   syncPolicy:
#     automated: {prune: false}
#   ```
#   or the annotation `argocd.argoproj.io/sync-options: Prune=false` on every object of Istio.
# custom:
#   id: istio-pruned
#   severity: error
#   profile: seed
#   input: application
package tiphys.istio_never_pruned

import rego.v1

deny contains {
	"msg": sprintf("prunes automatically what Istio consists of (%s %s)", [part.kind, part.metadata.name]),
	"pointer": "/spec/syncPolicy/automated/prune",
	"help": "set `prune: false`, or annotate Istio's objects with sync-options: Prune=false",
} if {
	automated := input.application.spec.syncPolicy.automated
	automated.prune == true
	object.get(automated, "enabled", true) == true
	not "Prune=false" in object.get(input.application, ["spec", "syncPolicy", "syncOptions"], [])
	part := parts[0]
}

# The objects of Istio itself that nothing keeps from being pruned.
parts := [resource |
	some resource in input.resources
	istio(resource)
	options := object.get(resource, ["metadata", "annotations", "argocd.argoproj.io/sync-options"], "")
	not "Prune=false" in {trim_space(option) | some option in split(options, ",")}
]

istio(resource) if {
	resource.kind == "CustomResourceDefinition"
	endswith(resource.spec.group, "istio.io")
}

istio(resource) if {
	resource.kind in {"Deployment", "DaemonSet"}
	resource.metadata.name in {"istiod", "istio-cni-node", "ztunnel"}
}
