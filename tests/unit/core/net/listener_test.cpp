#include "core/net/listener.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mailcore::net {
namespace {

namespace fs = std::filesystem;

class ScopedDirectory {
public:
    ScopedDirectory()
    {
        std::string name = fs::temp_directory_path() / "mailcore-listener-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~ScopedDirectory() { fs::remove_all(path_); }
    std::string file(std::string const& name) const { return path_ / name; }

private:
    fs::path path_;
};

SocketAddress unix_at(std::string const& path) { return SocketAddress::parse("unix:" + path).value(); }

mode_t mode_of(std::string const& path)
{
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

std::string complaint(SocketAddress const& address, SocketPermissions const& permissions = {})
{
    auto const listener = Listener::open(address, permissions);
    return listener ? "opened" : listener.error().message;
}

TEST(Listener, ServesAUnixSocketWithItsMode)
{
    ScopedDirectory const directory;
    auto const path = directory.file("policy.sock");
    auto const listener = Listener::open(unix_at(path), {0660, ""});
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(mode_of(path), 0660u);
    EXPECT_TRUE(is_served(path));
    EXPECT_EQ(listener->sockets().size(), 1u);
    int const flags = ::fcntl(listener->sockets()[0].get(), F_GETFL);
    EXPECT_TRUE(flags & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(listener->sockets()[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST(Listener, MakesTheDirectory)
{
    ScopedDirectory const directory;
    auto const path = directory.file("mailcore/policy.sock");
    auto const listener = Listener::open(unix_at(path), {0660, ""});
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(mode_of(directory.file("mailcore")), 02750u);
}

TEST(Listener, LeavesTheModeOfADirectoryThatIsThere)
{
    ScopedDirectory const directory;
    fs::create_directory(directory.file("mailcore"));
    ASSERT_EQ(::chmod(directory.file("mailcore").c_str(), 0700), 0);
    auto const listener = Listener::open(unix_at(directory.file("mailcore/policy.sock")), {0660, ""});
    ASSERT_TRUE(listener);
    EXPECT_EQ(mode_of(directory.file("mailcore")), 0700u);
}

TEST(Listener, RemovesItsSocketWhenItGoes)
{
    ScopedDirectory const directory;
    auto const path = directory.file("policy.sock");
    {
        auto listener = Listener::open(unix_at(path), {});
        ASSERT_TRUE(listener);
        Listener const moved{std::move(*listener)};
        EXPECT_TRUE(is_served(path));
    }
    EXPECT_FALSE(fs::exists(path));
}

TEST(Listener, ReplacesAStaleSocket)
{
    ScopedDirectory const directory;
    auto const path = directory.file("policy.sock");
    {
        auto dead = Listener::open(unix_at(path), {});
        ASSERT_TRUE(dead);
        fs::rename(path, path + ".kept");   // so that the socket of the dead daemon stays
    }
    fs::rename(path + ".kept", path);
    EXPECT_FALSE(is_served(path));
    EXPECT_TRUE(Listener::open(unix_at(path), {}));
}

TEST(Listener, RefusesASocketThatIsServed)
{
    ScopedDirectory const directory;
    auto const path = directory.file("policy.sock");
    auto const first = Listener::open(unix_at(path), {});
    ASSERT_TRUE(first);
    EXPECT_EQ(complaint(unix_at(path)), "unix:" + path + ": another process already serves this socket");
    EXPECT_TRUE(is_served(path)) << "the first one still is";
}

TEST(Listener, NeverRemovesWhatIsNoSocket)
{
    ScopedDirectory const directory;
    auto const path = directory.file("precious.db");
    std::ofstream{path} << "data";
    EXPECT_EQ(complaint(unix_at(path)), "unix:" + path + ": a file that is no socket is in the way");
    EXPECT_EQ(fs::file_size(path), 4u);
}

TEST(Listener, NamesAMissingGroup)
{
    ScopedDirectory const directory;
    EXPECT_EQ(complaint(unix_at(directory.file("x.sock")), {0660, "no-such-group-here"}),
              "socket_group: there is no group \"no-such-group-here\" on this host");
    EXPECT_FALSE(fs::exists(directory.file("x.sock"))) << "nothing is left behind";
}

TEST(Listener, NamesAMissingParent)
{
    ScopedDirectory const directory;
    EXPECT_EQ(complaint(unix_at(directory.file("a/b/x.sock"))),
              "cannot make the socket's directory " + directory.file("a/b") + ": No such file or directory");
}

// A port that is free now; nobody holds it afterwards.
std::uint16_t free_port()
{
    base::Fd const probe{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    return ntohs(address.sin_port);
}

TEST(Listener, ServesAnInternetPortOnce)
{
    auto const address = SocketAddress::parse("inet:127.0.0.1:" + std::to_string(free_port())).value();
    auto const listener = Listener::open(address, {});
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(complaint(address), address.to_string() + ": Address already in use");
}

TEST(Listener, RefusesAnAddressThatIsNotHere)
{
    EXPECT_EQ(complaint(SocketAddress::parse("inet:203.0.113.1:2525").value()), "inet:203.0.113.1:2525: Cannot assign requested address");
    EXPECT_EQ(complaint(SocketAddress{}), "no address to listen on");
}

TEST(Listener, SaysWhenSystemdPassedNothing)
{
    EXPECT_EQ(complaint(SocketAddress::parse("systemd").value()),
              "listen: systemd, but systemd passed no socket; start it by its .socket unit or name an address");
}

TEST(Permissions, ReadAnOctalMode)
{
    EXPECT_EQ(parse_permissions("0660", "postfix").value().mode, 0660u);
    EXPECT_EQ(parse_permissions("0660", "postfix").value().group, "postfix");
    EXPECT_EQ(parse_permissions("600", "").value().mode, 0600u);
    for (std::string const text : {"", "0680", "rw", "0660 ", "01777", "-1"}) {
        EXPECT_EQ(parse_permissions(text, "").error().message, "socket_mode: \"" + text + "\" is not an octal mode, as in \"0660\"");
    }
}

}   // namespace
}   // namespace mailcore::net
