using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sos.Ssh.Keys;

namespace Sos.Ssh.Tests;

/// <summary>A server and a session in memory that does not move, as a service has it.</summary>
public sealed unsafe class SessionMemory : IDisposable
{
    private const int KeysMax = 4;
    private readonly SshServer* _server = Allocate<SshServer>(1);
    private readonly SshSession* _session = Allocate<SshSession>(1);
    private readonly AuthorizedKey* _keys = Allocate<AuthorizedKey>(KeysMax);

    public SessionMemory(HostKey hostKey, AuthorizedKey key, SshLimits? limits = null, bool isSeeded = true)
    {
        if (!_server->TryStart(hostKey.Seed, "console"u8, limits ?? SshLimits.Default, 0))
        {
            throw new InvalidOperationException("the server does not start");
        }

        if (isSeeded)
        {
            _server->Random.TryReseed(hostKey.Seed);
        }

        _keys[0] = key;
        _server->SetAuthorizedKeys(_keys, 1);
    }

    public ref SshServer Server => ref *_server;

    public ref SshSession Session => ref *_session;

    /// <summary>Whether the session's memory has these bytes anywhere.</summary>
    public bool Remembers(ReadOnlySpan<byte> bytes) => new ReadOnlySpan<byte>(_session, sizeof(SshSession)).IndexOf(bytes) >= 0;

    public void Dispose()
    {
        NativeMemory.Free(_server);
        NativeMemory.Free(_session);
        NativeMemory.Free(_keys);
    }

    public static T* Allocate<T>(int count)
        where T : unmanaged
        => (T*)NativeMemory.AllocZeroed((nuint)count, (nuint)Unsafe.SizeOf<T>());
}
