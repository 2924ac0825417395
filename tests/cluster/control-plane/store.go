package main

import (
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// store starts an etcd of one member in this process, with its data in dir, and waits until it serves.
func store(dir, client, peer string) error {
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel = "error"
	// Nothing outlives the test, so nothing needs to survive a power cut.
	config.UnsafeNoFsync = true
	clients := []url.URL{{Scheme: "http", Host: client}}
	peers := []url.URL{{Scheme: "http", Host: peer}}
	config.ListenClientUrls, config.AdvertiseClientUrls = clients, clients
	config.ListenPeerUrls, config.AdvertisePeerUrls = peers, peers
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return nil
	case <-time.After(2 * time.Minute):
		return errors.New("not ready after two minutes")
	}
}
