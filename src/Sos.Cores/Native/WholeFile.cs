using System.IO;

namespace Sos.Cores.Native;

/// <summary>Small files that other programs read at any time: they see the one before or the new one, and never a part.</summary>
internal static class WholeFile
{
    /// <summary>Writes one, at once or not at all.</summary>
    public static void Write(string path, string text)
    {
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }
}
