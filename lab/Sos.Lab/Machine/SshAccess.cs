using System;
using System.IO;
using System.Threading.Tasks;
using Sos.Lab.Guest;

namespace Sos.Lab.Machine;

/// <summary>ssh into the guest over its network, with a key that lives as long as the machine.</summary>
internal static class SshAccess
{
    private const string KeyName = "ssh-key";

    /// <summary>Makes the key; returns the file that lets it into the guest.</summary>
    public static async Task<GuestFile> CreateKeyAsync(string folder)
    {
        string key = Path.Combine(folder, KeyName);
        string[] command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", key];
        (await HostProcess.RunAsync(command, TimeSpan.FromSeconds(20))).EnsureSuccess();
        string authorized = Path.Combine(folder, "authorized_keys");
        File.Copy(key + ".pub", authorized);
        // dropbear refuses a file that others may write.
        File.SetUnixFileMode(authorized, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new GuestFile(authorized, "/root/.ssh/authorized_keys");
    }

    /// <summary>Starts dropbear, which makes its host keys by itself, and waits until it listens.</summary>
    public static async Task StartServerAsync(LabMachine machine) => await machine.CheckAsync(
        "mkdir -p /etc/dropbear && dropbear -R -s -p 22 && for i in $(seq 100); do netstat -ltn | grep -q ':22 ' && exit 0; sleep 0.1; "
        + "done; exit 1");

    /// <summary>The ssh command line up to the command to run.</summary>
    public static string Command(string folder, string address, string user, int port) =>
        $"ssh -i {Path.Combine(folder, KeyName)} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        + $"-o LogLevel=ERROR -o ConnectTimeout=60 -p {port} {user}@{address}";
}
