package tiphys.production_auto_sync_test

import data.tiphys.production_auto_sync
import rego.v1

application(automated) := {"spec": {"syncPolicy": {"automated": automated}}}

test_automated_sync_in_production_is_reported if {
	some said in production_auto_sync.deny with input as {
		"application": application({"prune": true}),
		"context": {"production": true},
	}
	said.pointer == "/spec/syncPolicy/automated"
}

test_an_empty_automated_is_automated if {
	count(production_auto_sync.deny) == 1 with input as {
		"application": application({}),
		"context": {"production": true},
	}
}

test_what_is_switched_off_is_not if {
	count(production_auto_sync.deny) == 0 with input as {
		"application": application({"enabled": false}),
		"context": {"production": true},
	}
}

test_other_environments_may_sync_automatically if {
	count(production_auto_sync.deny) == 0 with input as {
		"application": application({"prune": true}),
		"context": {"production": false},
	}
}

test_sync_by_hand_is_right if {
	count(production_auto_sync.deny) == 0 with input as {
		"application": {"spec": {"syncPolicy": {"syncOptions": ["CreateNamespace=true"]}}},
		"context": {"production": true},
	}
}
