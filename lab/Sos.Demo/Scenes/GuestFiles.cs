using System.Text;
using System.Threading.Tasks;
using Sos.Lab.Machine;

namespace Sos.Demo.Scenes;

/// <summary>The files that the demo puts into the machine, and the servers that it starts there.</summary>
internal static class GuestFiles
{
    /// <summary>The rules.</summary>
    public const string Rules = "/run/demo.nft";

    /// <summary>The path of the page that the clients fetch.</summary>
    public const string Page = "/index.html";

    /// <summary>Its length in bytes: two packets.</summary>
    public const int PageLength = 2048;

    private const string WebFolder = "/run/www";

    /// <summary>Writes the files and starts the servers.</summary>
    public static async Task InstallAsync(LabMachine machine, string ruleset)
    {
        await machine.WriteFileAsync(Rules, Encoding.ASCII.GetBytes(ruleset));
        _ = await machine.CheckAsync($"mkdir -p {WebFolder}");
        await machine.WriteFileAsync(WebFolder + Page, Encoding.ASCII.GetBytes(new string('s', PageLength)));
        _ = await machine.CheckAsync($"httpd -p 80 -h {WebFolder}");
        await machine.StartSshAsync();
    }
}
