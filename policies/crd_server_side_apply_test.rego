package tiphys.crd_server_side_apply_test

import data.tiphys.crd_server_side_apply
import rego.v1

crd := {"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"}}

annotated := {
	"kind": "CustomResourceDefinition",
	"metadata": {
		"name": "things.example.com",
		"annotations": {"argocd.argoproj.io/sync-options": "Prune=false,ServerSideApply=true"},
	},
}

application(options) := {"spec": {"syncPolicy": {"syncOptions": options}}}

test_a_crd_without_the_option_is_reported if {
	count(crd_server_side_apply.deny) == 1 with input as {
		"application": application(["CreateNamespace=true"]),
		"resources": [crd],
	}
}

test_an_application_without_options_is_reported if {
	count(crd_server_side_apply.deny) == 1 with input as {"application": {"spec": {}}, "resources": [crd]}
}

test_the_option_on_the_application_is_enough if {
	count(crd_server_side_apply.deny) == 0 with input as {
		"application": application(["ServerSideApply=true"]),
		"resources": [crd],
	}
}

test_the_option_on_the_crd_is_enough if {
	count(crd_server_side_apply.deny) == 0 with input as {
		"application": application([]),
		"resources": [annotated],
	}
}

test_an_application_without_crds_needs_nothing if {
	count(crd_server_side_apply.deny) == 0 with input as {
		"application": application([]),
		"resources": [{"kind": "Service", "metadata": {"name": "web"}}],
	}
}
