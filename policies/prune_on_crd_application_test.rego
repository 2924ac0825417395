package tiphys.prune_on_crd_application_test

import data.tiphys.prune_on_crd_application
import rego.v1

crd := {"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"}}

application(automated) := {"spec": {"syncPolicy": {"automated": automated}}}

test_pruning_crds_is_reported if {
	count(prune_on_crd_application.deny) == 1 with input as {
		"application": application({"prune": true}),
		"resources": [crd],
	}
}

test_without_pruning_nothing_is_lost if {
	count(prune_on_crd_application.deny) == 0 with input as {
		"application": application({"prune": false}),
		"resources": [crd],
	}
}

test_without_crds_nothing_is_lost if {
	count(prune_on_crd_application.deny) == 0 with input as {
		"application": application({"prune": true}),
		"resources": [{"kind": "Service", "metadata": {"name": "web"}}],
	}
}
