# METADATA
# title: CRDs are applied without ServerSideApply
# description: |
#   Reports an Application that renders CustomResourceDefinitions and does not sync them with server-side apply.
#
#   ## Why it matters
#   Client-side apply keeps the whole object in an annotation, which may hold 256 KiB. A CRD that outgrows it with the
#   next release can no longer be applied.
#
#   ## Example
#   ```yaml
#   syncPolicy:
#     syncOptions:
#     - CreateNamespace=true
#   ```
#
#   ## Instead
#   ```yaml
#   syncPolicy:
#     syncOptions:
#     - CreateNamespace=true
#     - ServerSideApply=true
#   ```
# related_resources:
# - https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
# custom:
#   id: crd-without-server-side-apply
#   severity: warning
#   profile: strict
#   input: application
package tiphys.crd_server_side_apply

import rego.v1

deny contains {
	"msg": sprintf("renders CustomResourceDefinitions (%s) without ServerSideApply=true", [first]),
	"pointer": "/spec/syncPolicy/syncOptions",
	"help": "add `- ServerSideApply=true` to syncOptions",
} if {
	not server_side(object.get(input.application, ["spec", "syncPolicy", "syncOptions"], []))
	names := sort([object.get(resource, ["metadata", "name"], "?") |
		some resource in input.resources
		resource.kind == "CustomResourceDefinition"
		not server_side(split(option_annotation(resource), ","))
	])
	first := names[0]
}

option_annotation(resource) := object.get(
	resource,
	["metadata", "annotations", "argocd.argoproj.io/sync-options"],
	"",
)

server_side(options) if {
	some option in options
	trim_space(option) in {"ServerSideApply=true", "Replace=true"}
}
