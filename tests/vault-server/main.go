// vault-server is HashiCorp Vault's own core for the tests: the real storage, tokens, policies, AppRole and KV, without
// the command line, the plugins and the cloud SDKs that make the `vault` program large.
//
//	vault-server --data DIR [--listen 127.0.0.1:8200] [--tls-cert PEM --tls-key PEM]
//
// It serves until SIGTERM or SIGINT. "ready ADDRESS" on standard output says that it listens; it then wants to be
// initialised or unsealed as any Vault. With --listen 127.0.0.1:0 the kernel chooses the port.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	fileaudit "github.com/hashicorp/vault/builtin/audit/file"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

var (
	logins  = map[string]logical.Factory{"approle": approle.Factory, "cert": cert.Factory, "jwt": jwt.Factory, "userpass": userpass.Factory}
	engines = map[string]logical.Factory{"kv": kv.Factory}
)

// registry tells the core which plugins are built in. Without one, mounting panics.
type registry struct{}

func (registry) factories(kind consts.PluginType) map[string]logical.Factory {
	if kind == consts.PluginTypeCredential {
		return logins
	}
	if kind == consts.PluginTypeSecrets {
		return engines
	}
	return nil
}

func (r registry) Contains(name string, kind consts.PluginType) bool {
	return r.factories(kind)[name] != nil
}

func (r registry) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory := r.factories(kind)[name]
	return func() (interface{}, error) { return factory, nil }, factory != nil
}

func (r registry) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range r.factories(kind) {
		names = append(names, name)
	}
	return names
}

func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func core(directory string, logger log.Logger) (*vault.Core, error) {
	storage, err := file.NewFileBackend(map[string]string{"path": directory}, logger)
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		DisableMlock:       true,
		LogicalBackends:    engines,
		CredentialBackends: logins,
		AuditBackends:      map[string]audit.Factory{"file": fileaudit.Factory},
		BuiltinRegistry:    registry{},
		Logger:             logger,
	})
}

// listen opens the port; where there is a certificate, with TLS that asks for a client's, as the cert login needs.
func listen(address, certificate, key string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil || certificate == "" {
		return listener, err
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}), nil
}

func serve() error {
	address := flag.String("listen", "127.0.0.1:8200", "address and port")
	data := flag.String("data", "", "directory of the file storage")
	certificate := flag.String("tls-cert", "", "certificate chain (PEM); without it plain HTTP")
	key := flag.String("tls-key", "", "its key (PEM)")
	flag.Parse()
	if *data == "" {
		return errors.New("--data DIR must be given")
	}
	logger := log.New(&log.LoggerOptions{Name: "vault", Level: log.Warn, Output: os.Stderr})
	core, err := core(*data, logger)
	if err != nil {
		return err
	}
	listener, err := listen(*address, *certificate, *key)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          logger.StandardLogger(&log.StandardLoggerOptions{ForceLevel: log.Debug})}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stopped
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()
	fmt.Printf("ready %s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return core.Shutdown()
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "vault-server:", err)
		os.Exit(1)
	}
}
