using System;
using System.Globalization;
using System.IO;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Sos.Cores;

namespace Sos.RemoteConsole.Control;

/// <summary>A file with a password's hash: one line, ITERATIONS:SALT:HASH of PBKDF2 with HMAC-SHA-512, readable by its owner alone.</summary>
internal static partial class PasswordFile
{
    /// <summary>Iterations of a new hash: OWASP's number for HMAC-SHA-512. The console's core takes about a second for them.</summary>
    public const int Iterations = 210_000;

    /// <summary>Characters of a password at least, and bytes at most: a line of the console.</summary>
    public const int LengthMin = 8;
    public const int LengthMax = 120;

    private const int SaltSize = 16;
    private const int HashSize = 64;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>Hashes a password.</summary>
    /// <exception cref="SosException">It is too short, too long, or cannot be typed at a terminal.</exception>
    public static string Hash(string password, int iterations = Iterations)
    {
        foreach (char character in password)
        {
            if (character is < ' ' or > '~')
            {
                throw new SosException(SosError.Usage, "a password has printable ASCII characters alone: others are typed differently by different terminals");
            }
        }

        if (password.Length is < LengthMin or > LengthMax)
        {
            throw new SosException(SosError.Usage, $"a password has {LengthMin} to {LengthMax} characters: give it on the standard input");
        }

        byte[] salt = RandomNumberGenerator.GetBytes(SaltSize);
        byte[] hash = Rfc2898DeriveBytes.Pbkdf2(Encoding.ASCII.GetBytes(password), salt, iterations, HashAlgorithmName.SHA512, HashSize);
        return string.Create(CultureInfo.InvariantCulture, $"{iterations}:{Convert.ToHexStringLower(salt)}:{Convert.ToHexStringLower(hash)}");
    }

    /// <summary>Writes a file that nobody but its owner can read.</summary>
    /// <exception cref="SosException">It is there already, or cannot be written.</exception>
    public static void Write(string path, string hash)
    {
        try
        {
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using FileStream file = new(path, options);
            file.Write(Encoding.ASCII.GetBytes(hash + "\n"));
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new SosException(SosError.Usage, $"{path} is there already: remove it first, or name another");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SosException(SosError.NotFound, $"{path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="SosException">There is none, others can read it, or it has no hash.</exception>
    public static string Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file; 'sosctl console password {path}' makes it");
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & Others) != 0)
        {
            throw new SosException(SosError.Usage, $"{path} can be read or written by others than its owner: 'chmod 600 {path}'");
        }

        string text = File.ReadAllText(path).Trim();
        return Format().IsMatch(text)
            ? text
            : throw new SosException(SosError.Usage, $"{path} has no password's hash: 'sosctl console password FILE' makes such a file");
    }

    [GeneratedRegex(@"\A[1-9][0-9]{0,6}:[0-9a-f]{32}:[0-9a-f]{128}\z")]
    private static partial Regex Format();
}
