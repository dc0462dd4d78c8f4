using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;

namespace Sos.Image.Debugging;

/// <summary>
/// Turns ILC's symbol names into C# ones. ILC replaces whatever is no letter, digit or underscore in "assembly_Namespace.Type"
/// by an underscore, which cannot be undone; so the types of the given assemblies are mangled in the same way and looked up.
/// </summary>
public sealed class MethodNames
{
    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);

    /// <summary>Knows no assembly: names stay as ILC wrote them.</summary>
    public static MethodNames None { get; } = new();

    /// <summary>Reads the types of assemblies; a file that is no assembly is left out.</summary>
    public static MethodNames FromAssemblies(IEnumerable<string> paths)
    {
        MethodNames names = new();
        foreach ((string mangled, string name) in Primitives)
        {
            names._types[mangled] = name;
        }

        foreach (string path in paths)
        {
            using FileStream stream = File.OpenRead(path);
            using PEReader pe = new(stream);
            if (pe.HasMetadata)
            {
                names.AddTypes(pe.GetMetadataReader());
            }
        }

        return names;
    }

    /// <summary>The C# name of a symbol, "Namespace.Type&lt;Argument&gt;.Method"; the symbol itself where nothing is
    /// known.</summary>
    public string ToCSharp(string symbol)
    {
        int at = 0;
        string name = Read(symbol, ref at);
        return at == symbol.Length ? name : symbol;
    }

    private static (string Mangled, string Name)[] Primitives =>
    [
        ("Bool", "bool"), ("Char", "char"), ("Int8", "sbyte"), ("UInt8", "byte"), ("Int16", "short"), ("UInt16", "ushort"),
        ("Int32", "int"), ("UInt32", "uint"), ("Int64", "long"), ("UInt64", "ulong"), ("IntPtr", "nint"), ("UIntPtr", "nuint"),
        ("Single", "float"), ("Double", "double"), ("Object", "object"), ("String", "string"), ("Void", "void"),
    ];

    /// <summary>Reads "Type[_arity][&lt;arguments&gt;][__Method[&lt;arguments&gt;]]" up to the end of its list.</summary>
    private string Read(string symbol, ref int at)
    {
        StringBuilder result = new();
        int start = at;
        while (true)
        {
            while (at < symbol.Length && symbol[at] is not ('<' or '>') && !(at > start && IsSeparator(symbol, at)))
            {
                at++;
            }

            result.Append(NameOf(symbol[start..at], result.Length == 0));
            if (at < symbol.Length && symbol[at] == '<')
            {
                result.Append('<').Append(ReadArguments(symbol, ref at)).Append('>');
            }

            if (at >= symbol.Length || symbol[at] == '>' || !IsSeparator(symbol, at))
            {
                return result.ToString();
            }

            result.Append('.');
            at += 2;
            start = at;
        }
    }

    private string ReadArguments(string symbol, ref int at)
    {
        // Arguments are separated by "__" as well; a type argument itself has none, so each is read as far as the next.
        List<string> arguments = [];
        at++;
        while (at < symbol.Length && symbol[at] != '>')
        {
            int start = at;
            while (at < symbol.Length && symbol[at] is not ('<' or '>') && !(at > start && IsSeparator(symbol, at)))
            {
                at++;
            }

            string argument = NameOf(symbol[start..at], true);
            if (at < symbol.Length && symbol[at] == '<')
            {
                argument += "<" + ReadArguments(symbol, ref at) + ">";
            }

            arguments.Add(argument);
            if (at < symbol.Length && IsSeparator(symbol, at))
            {
                at += 2;
            }
        }

        at = Math.Min(at + 1, symbol.Length);
        return string.Join(", ", arguments);
    }

    private static bool IsSeparator(string symbol, int at) =>
        at + 2 < symbol.Length && symbol[at] == '_' && symbol[at + 1] == '_' && symbol[at + 2] != '>';

    private string NameOf(string mangled, bool isType)
    {
        if (isType)
        {
            if (_types.TryGetValue(mangled, out string? name))
            {
                return name;
            }

            // A type of a core library that was not given: take the assembly's name off and guess that underscores are dots.
            return mangled.StartsWith("S_P_CoreLib_", StringComparison.Ordinal)
                ? mangled["S_P_CoreLib_".Length..].Replace('_', '.') : mangled;
        }

        // "_ctor" is a constructor; "_g__Local_0_1" a local function; "_0" the second of several overloads or instantiations.
        return mangled is "_ctor" ? ".ctor" : mangled is "_cctor" ? ".cctor" : mangled;
    }

    private void AddTypes(MetadataReader reader)
    {
        string assembly = reader.GetString(reader.GetAssemblyDefinition().Name);
        string prefix = Sanitize(assembly == "System.Private.CoreLib" ? "S.P.CoreLib"
            : assembly.StartsWith("System.Private.", StringComparison.Ordinal) ? "S.P." + assembly["System.Private.".Length..]
                : assembly);
        foreach (TypeDefinitionHandle handle in reader.TypeDefinitions)
        {
            (string mangled, string name) = FullName(reader, handle);
            _types.TryAdd(prefix + "_" + mangled, name);
        }
    }

    private static (string Mangled, string Name) FullName(MetadataReader reader, TypeDefinitionHandle handle)
    {
        TypeDefinition type = reader.GetTypeDefinition(handle);
        string own = reader.GetString(type.Name);
        int tick = own.LastIndexOf('`');
        string clean = tick < 0 ? own : own[..tick];
        if (!type.GetDeclaringType().IsNil)
        {
            (string outerMangled, string outer) = FullName(reader, type.GetDeclaringType());
            return (outerMangled + "_" + Sanitize(own), outer + "." + clean);
        }

        string space = reader.GetString(type.Namespace);
        return space.Length == 0 ? (Sanitize(own), clean) : (Sanitize(space + "." + own), space + "." + clean);
    }

    private static string Sanitize(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_'));
}
