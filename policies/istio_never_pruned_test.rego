package tiphys.istio_never_pruned_test

import data.tiphys.istio_never_pruned
import rego.v1

crd := {
	"kind": "CustomResourceDefinition",
	"metadata": {"name": "gateways.networking.istio.io"},
	"spec": {"group": "networking.istio.io"},
}

kept := object.union(crd, {"metadata": {
	"name": "gateways.networking.istio.io",
	"annotations": {"argocd.argoproj.io/sync-options": "Prune=false"},
}})

application(prune) := {"spec": {"syncPolicy": {"automated": {"prune": prune}}}}

test_pruning_istio_is_reported if {
	count(istio_never_pruned.deny) == 1 with input as {"application": application(true), "resources": [crd]}
}

test_an_application_that_does_not_prune_is_right if {
	count(istio_never_pruned.deny) == 0 with input as {"application": application(false), "resources": [crd]}
}

test_objects_that_are_kept_are_right if {
	count(istio_never_pruned.deny) == 0 with input as {"application": application(true), "resources": [kept]}
}

test_using_istio_is_not_being_istio if {
	count(istio_never_pruned.deny) == 0 with input as {
		"application": application(true),
		"resources": [{"kind": "VirtualService", "metadata": {"name": "web"}, "spec": {}}],
	}
}
